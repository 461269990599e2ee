"""A server that speaks TLS, and clients that trust it."""

import json
import ssl
import urllib.parse

import boto3
import botocore.config

from certificates import Root
from harness import FIRST, REGION
from raw import Wire
from server import Server


class Secure:
    """A server that speaks TLS, and the root that its clients trust."""

    def __init__(self, world, name, *flags):
        self.directory = world.directory / name
        self.directory.mkdir()
        self.root = Root(self.directory)
        self.pair = self.root.make("server")
        self.server = Server(
            "dev", "--listen", "127.0.0.1:0", "--data-dir", str(self.directory / "data"), *self.pair.flags, *flags
        )

    def __enter__(self):
        self.server.start()
        return self

    def __exit__(self, *error):
        if self.server.process.poll() is None:
            self.server.kill()
        self.server.forget_log()

    @property
    def endpoint(self):
        return self.server.endpoint

    @property
    def address(self):
        url = urllib.parse.urlsplit(self.endpoint)
        return url.hostname, url.port

    def context(self, client=None):
        context = ssl.create_default_context(cafile=str(self.root.file))
        if client:
            context.load_cert_chain(client.certificate_file, client.key_file)
        return context

    def wire(self, client=None):
        return Wire(self.endpoint, context=self.context(client))

    def kms(self, **more):
        return boto3.client(
            "kms", endpoint_url=self.endpoint, region_name=REGION, aws_access_key_id=FIRST.access_key_id,
            aws_secret_access_key=FIRST.secret_access_key, verify=str(self.root.file),
            config=botocore.config.Config(retries={"total_max_attempts": 1}, connect_timeout=5, **more),
        )  # fmt: skip

    def records(self):
        lines = (self.directory / "data" / "audit" / "audit.jsonl").read_text().splitlines()
        return [json.loads(line) for line in lines]
