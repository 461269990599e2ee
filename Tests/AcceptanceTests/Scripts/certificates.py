"""Certificates for one run: a root, what it signs, and the files that a server and its clients take."""

import dataclasses
import datetime
import ipaddress
import pathlib

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

DAY = datetime.timedelta(days=1)


@dataclasses.dataclass
class Pair:
    """A certificate, its key, and the files with them."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey
    certificate_file: pathlib.Path
    key_file: pathlib.Path

    @property
    def flags(self):
        return ("--tls-certificate", str(self.certificate_file), "--tls-key", str(self.key_file))


def pem(certificate):
    return certificate.public_bytes(serialization.Encoding.PEM)


def key_pem(key, encryption=serialization.NoEncryption()):
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)


class Root:
    """An authority of its own."""

    def __init__(self, directory, name="root"):
        self.directory = pathlib.Path(directory)
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.certificate = self._sign(name, self.key.public_key(), None, DAY, self.key, name)
        self.file = self.directory / f"{name}.pem"
        self.file.write_bytes(pem(self.certificate))

    def _sign(self, subject, public_key, usage, life, key, issuer, begin=-2 * DAY, hosts=()):
        now = datetime.datetime.now(datetime.timezone.utc)
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)]))
            .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
            .public_key(public_key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now + begin)
            .not_valid_after(now + life)
            .add_extension(x509.BasicConstraints(ca=usage is None, path_length=None), critical=True)
        )
        if usage is not None:
            names = [x509.DNSName(host) for host in ("localhost", *hosts)]
            names.append(x509.IPAddress(ipaddress.ip_address("127.0.0.1")))
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
            builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        return builder.sign(key, hashes.SHA256())

    def make(self, name, usage=ExtendedKeyUsageOID.SERVER_AUTH, life=DAY, begin=-2 * DAY, hosts=()):
        """A new pair under this name, in files that an earlier one may have; it is valid from `begin` to `life` from now."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = self._sign(name, key.public_key(), usage, life, self.key, self.certificate.subject.rdns[0]
                                 .get_attributes_for_oid(NameOID.COMMON_NAME)[0].value, begin, hosts)  # fmt: skip
        pair = Pair(certificate, key, self.directory / f"{name}.crt", self.directory / f"{name}.key")
        write(pair)
        return pair

    def client(self, name):
        return self.make(name, ExtendedKeyUsageOID.CLIENT_AUTH)


def write(pair):
    """Each file is there whole or not at all, as those who hand out certificates do it."""
    for file, text in ((pair.certificate_file, pem(pair.certificate)), (pair.key_file, key_pem(pair.key))):
        unfinished = file.with_suffix(".new")
        unfinished.write_bytes(text)
        unfinished.chmod(0o600)
        unfinished.rename(file)
