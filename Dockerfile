# The image of every process of a pipeline. An analysis is another one, FROM this: see docs/how-to/containers.md.
ARG PYTHON=python:3.11-slim-bookworm

# ---- build: what needs a compiler and the sources stays here
FROM ${PYTHON} AS build
RUN apt-get update && apt-get install --yes --no-install-recommends gcc libc6-dev && rm -rf /var/lib/apt/lists/*
WORKDIR /source
RUN python -m venv /opt/beamloom
ENV PATH=/opt/beamloom/bin:$PATH
COPY pyproject.toml constraints.txt hatch_build.py README.md LICENSE ./
COPY src src
# What Beamloom needs beside itself: a store, files of results. More of them: --build-arg EXTRAS=redis,files,azimuthal
ARG EXTRAS=redis,files
RUN pip install --no-cache-dir --constraint constraints.txt hatchling editables
RUN pip install --no-cache-dir --constraint constraints.txt --no-build-isolation ".[${EXTRAS}]"
RUN pip uninstall --yes hatchling editables pathspec pluggy trove-classifiers

# ---- run
FROM ${PYTHON}
COPY --from=build /opt/beamloom /opt/beamloom
RUN useradd --uid 10001 --user-group --no-create-home --home-dir /tmp beamloom && install --directory --owner beamloom --group beamloom /analysis /var/lib/beamloom
ENV PATH=/opt/beamloom/bin:$PATH PYTHONUNBUFFERED=1 XDG_STATE_HOME=/var/lib/beamloom
USER 10001:10001
# Where worker and reducer classes are imported from.
WORKDIR /analysis
CMD ["beamloom", "--help"]
