"""A certificate authority of our own for TLS tests, made with the openssl program in a throwaway directory."""

import pathlib
import ssl
import subprocess
import tempfile


class Authority:
    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="rm-ca-"))
        self.certificate = self.folder / "ca.pem"
        self.key = self.folder / "ca.key"
        self.run("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", self.key,
                 "-out", self.certificate, "-days", "2", "-subj", "/CN=Test authority",
                 "-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign")

    def run(self, *arguments):
        done = subprocess.run(["openssl", *map(str, arguments)], cwd=self.folder, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr

    def issue(self, name: str, subject="DNS:localhost,IP:127.0.0.1", days=2, self_signed=False) -> ssl.SSLContext:
        """A server's TLS context. A negative number of days makes a certificate whose time is over."""
        key, request, certificate = (self.folder / f"{name}.{end}" for end in ("key", "csr", "pem"))
        extensions = self.folder / f"{name}.ext"
        extensions.write_text(f"subjectAltName={subject}\nbasicConstraints=CA:FALSE\nextendedKeyUsage=serverAuth\n")
        self.run("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", key,
                 "-out", request, "-subj", f"/CN={name}")
        signer = ["-signkey", key] if self_signed else ["-CA", self.certificate, "-CAkey", self.key, "-CAcreateserial"]
        self.run("x509", "-req", "-in", request, *signer, "-out", certificate, "-days", days, "-extfile", extensions)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        return context
