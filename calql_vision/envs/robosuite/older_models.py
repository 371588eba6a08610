"""Models that robosuite before 1.5 wrote, which the installed one cannot load."""

import xml.etree.ElementTree as ElementTree

#: How the names of a gripper's joints begin; since 1.5 they say which hand it is.
_GRIPPER, _GRIPPER_1_5 = "gripper0_", "gripper0_right_"

#: A body's name -> where it stands in the world: [3] in metres, and a quaternion [4], w first.
Places = dict[str, tuple[list[float], list[float]]]


def fits(xml: str, own_xml: str) -> bool:
    """Whether `xml` has the joints of `own_xml`, in its order, under the names of before 1.5.

    Then a state of the one is a state of the other. Raises ParseError for what is no XML.
    """
    older, own = joint_names(xml), joint_names(own_xml)
    return older != own and [_renamed(name) for name in older] == own


def joint_names(xml: str) -> list[str]:
    """In MuJoCo's order, which is that of the file."""
    world = _world(xml)
    return [part.get("name", "") for part in world.iter() if part.tag in ("joint", "freejoint")]


def places(xml: str) -> Places:
    """Where the bodies at the top stand; `Door` puts its door somewhere else in every episode."""
    return {
        body.get("name", ""): (
            _numbers(body.get("pos", "0 0 0")),
            _numbers(body.get("quat", "1 0 0 0")),
        )
        for body in _world(xml).findall("body")
    }


def _world(xml: str) -> ElementTree.Element:
    world = ElementTree.fromstring(xml).find("worldbody")
    return ElementTree.Element("worldbody") if world is None else world


def _renamed(name: str) -> str:
    return _GRIPPER_1_5 + name.removeprefix(_GRIPPER) if name.startswith(_GRIPPER) else name


def _numbers(text: str) -> list[float]:
    return [float(word) for word in text.split()]
