"""From runs to numbers: across seeds, the dip at the switch, calibration, regret."""
