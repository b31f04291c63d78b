"""A certificate authority for one control plane, made with the command openssl."""

import os

from lab.shell import run

CURVE = "prime256v1"


class Pki:
    """A directory with ca.crt, and with NAME.crt and NAME.key for everything issued."""

    def __init__(self, directory, name="kubernetes"):
        self.directory = directory
        os.makedirs(directory, mode=0o700, exist_ok=True)
        self.new_key("ca")
        self._openssl("req", "-x509", "-new", "-key", self.key("ca"), "-out", self.certificate("ca"), "-days", "2",
                      "-subj", f"/CN={name}", "-addext", "keyUsage=critical,keyCertSign,cRLSign,digitalSignature")

    def certificate(self, name):
        """The path of a certificate."""
        return os.path.join(self.directory, f"{name}.crt")

    def key(self, name):
        """The path of a private key."""
        return os.path.join(self.directory, f"{name}.key")

    def new_key(self, name):
        """Makes a private key and returns its path."""
        self._openssl("ecparam", "-name", CURVE, "-genkey", "-noout", "-out", self.key(name))
        return self.key(name)

    def issue(self, name, user, groups=(), addresses=()):
        """Issues NAME.crt and NAME.key.

        user, groups: whom Kubernetes takes the holder for (common name and organisations). addresses: what a server
        with this certificate may be called, as openssl writes it ("DNS:localhost", "IP:::1").
        """
        subject = "".join(f"/O={group}" for group in groups) + f"/CN={user}"
        request, extensions = (os.path.join(self.directory, f"{name}.{end}") for end in ("csr", "ext"))
        with open(extensions, "w", encoding="ascii") as file:
            file.write("basicConstraints=CA:FALSE\nkeyUsage=critical,digitalSignature\n"
                       "extendedKeyUsage=clientAuth,serverAuth\n")
            if addresses:
                file.write(f"subjectAltName={','.join(addresses)}\n")
        self._openssl("req", "-new", "-key", self.new_key(name), "-out", request, "-subj", subject)
        self._openssl("x509", "-req", "-in", request, "-CA", self.certificate("ca"), "-CAkey", self.key("ca"),
                      "-CAcreateserial", "-out", self.certificate(name), "-days", "2", "-extfile", extensions)

    def _openssl(self, *words):
        run(["openssl", *words], cwd=self.directory)
