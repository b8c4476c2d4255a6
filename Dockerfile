# syntax=docker/dockerfile:1
# One image for everything: `ai-server up` (the default), or one role a container (compose.yaml).
# With a small model that needs no key: docker build --build-arg LOCAL=1 .
ARG PYTHON=3.11-slim-bookworm

FROM python:${PYTHON} AS build
ARG LOCAL=""
ENV UV_PROJECT_ENVIRONMENT=/opt/ai-server \
    UV_COMPILE_BYTECODE=1 \
    UV_LINK_MODE=copy \
    UV_PYTHON_DOWNLOADS=never
RUN pip install --no-cache-dir uv==0.13.9
WORKDIR /src
# What others wrote comes first: this layer changes only with uv.lock.
COPY pyproject.toml uv.lock ./
RUN uv sync --frozen --no-dev --no-install-project ${LOCAL:+--extra local}
COPY . .
RUN uv sync --frozen --no-dev --no-editable ${LOCAL:+--extra local}

FROM python:${PYTHON}
RUN groupadd --system --gid 10001 ai-server \
 && useradd --system --uid 10001 --gid 10001 --home-dir /data --shell /usr/sbin/nologin ai-server \
 && install --directory --owner=ai-server --group=ai-server --mode=0700 /data
COPY --from=build /opt/ai-server /opt/ai-server
ENV PATH=/opt/ai-server/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    AI_SERVER_DATA=/data \
    AI_SERVER_HOST=0.0.0.0 \
    AI_SERVER_PORT=8080
USER 10001:10001
WORKDIR /data
VOLUME /data
EXPOSE 8080
# Of `up` and of the gateway. compose.yaml has others for the other roles.
HEALTHCHECK --interval=15s --timeout=5s --start-period=60s --start-interval=1s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request; urllib.request.urlopen('http://127.0.0.1:' + os.environ['AI_SERVER_PORT'] + '/up', timeout=4)"]
ENTRYPOINT ["ai-server"]
CMD ["up"]
