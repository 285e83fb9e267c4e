# One image for all processes; the command chooses.
FROM python:3.11-slim AS wheel
WORKDIR /src
COPY . .
RUN pip wheel --no-deps --wheel-dir /wheels .

FROM python:3.11-slim
COPY --from=wheel /wheels /wheels
RUN pip install --no-cache-dir "$(echo /wheels/*.whl)[dashboard]" && rm -r /wheels \
    && useradd --create-home tradecanary
USER tradecanary
WORKDIR /home/tradecanary
ENTRYPOINT ["tradecanary"]
CMD ["--help"]
