# calql-vision with all that it needs. Not built where the project is tested: there is no Docker there.
#
#   docker build --tag calql-vision .
#   docker build --tag calql-vision:cuda --build-arg BASE=nvidia/cuda:12.8.1-runtime-ubuntu24.04 .
#
# The base brings Debian or Ubuntu; torch brings its own CUDA libraries, the driver is the machine's.
ARG BASE=python:3.11-slim-bookworm
FROM ${BASE}

RUN apt-get update -qq && apt-get install -y -qq --no-install-recommends \
        build-essential git make python3 python3-dev python3-pip python3-venv \
        libegl1 libgl1-mesa-dri libosmesa6 \
    && rm -rf /var/lib/apt/lists/*

# With NVIDIA's driver EGL draws on the GPU if the container may use its graphics.
ENV NVIDIA_DRIVER_CAPABILITIES=all

WORKDIR /calql-vision
COPY . .
RUN make setup
CMD ["make", "help"]
