"""Keys as the AWS CLI uses them."""

import base64
import json
import os
import shutil
import subprocess

from harness import REGION, equal, holds


def aws(world, who, *arguments):
    """What the AWS CLI answers, or its complaint."""
    program = shutil.which("aws")
    holds(program, "the AWS CLI is not on this machine: make install-test-tools")
    environment = {
        **os.environ, "AWS_ACCESS_KEY_ID": who.access_key_id, "AWS_SECRET_ACCESS_KEY": who.secret_access_key,
        "AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull, "AWS_MAX_ATTEMPTS": "1",
    }  # fmt: skip
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN"):
        environment.pop(name, None)
    if who.session_token:
        environment["AWS_SESSION_TOKEN"] = who.session_token
    command = [program, "kms", *arguments, "--endpoint-url", world.endpoint, "--region", REGION, "--output", "json"]
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL)  # fmt: skip
    return json.loads(done.stdout or "{}") if done.returncode == 0 else done.stderr


def blob(world, content):
    """An argument that each version of the AWS CLI takes for the same bytes."""
    file = world.directory / "blob"
    file.write_bytes(content)
    return f"fileb://{file}"


def aws_encrypts(world, who, key):
    plaintext = blob(world, b"attack at dawn")
    return aws(world, who, "encrypt", "--key-id", key, "--plaintext", plaintext, "--encryption-context", "a=b")


def holds_use(world, who, key):
    """The AWS CLI encrypts and decrypts as this user."""
    sealed = aws_encrypts(world, who, key)
    holds("CiphertextBlob" in sealed, f"{sealed}")
    ciphertext = blob(world, base64.b64decode(sealed["CiphertextBlob"]))
    opened = aws(world, who, "decrypt", "--ciphertext-blob", ciphertext, "--encryption-context", "a=b")
    holds("Plaintext" in opened, f"{opened}")
    equal(base64.b64decode(opened["Plaintext"]), b"attack at dawn")
