# Certificates and keys as the port's `tls` takes them: as DER. Most ports read no PEM (MicroPython before August 2026, but for ESP32).
from binascii import a2b_base64


def read(data):
    """The content of the file with this name; or `data` itself, bytes or PEM as str, as bytes."""
    if isinstance(data, str) and "-----BEGIN" not in data:
        with open(data, "rb") as file:
            return file.read()
    return data.encode() if isinstance(data, str) else bytes(data)


def to_der(data, kind):
    """All blocks of a kind ("CERTIFICATE", "PRIVATE KEY") in the PEM `data`, as DER: a list of bytes. DER is the only one. Raises
    ValueError."""
    if b"-----BEGIN " not in data:
        return [data]
    found = []
    for block in data.decode().split("-----BEGIN ")[1:]:
        label, _, text = block.partition("-----")
        if label.endswith(kind):
            found.append(a2b_base64(text.partition("-----END")[0]))
    if not found:
        raise ValueError("no " + kind)
    return found


def load(context, ca, cert, key):
    """Give an SSLContext what a Tls has. Raises ValueError and OSError."""
    try:
        if ca is not None:
            for one in to_der(read(ca), "CERTIFICATE"):
                context.load_verify_locations(one)
        if cert is not None:
            cert = read(cert)
            certs = to_der(cert, "CERTIFICATE")
            context.load_cert_chain(certs[0] if len(certs) == 1 else cert, to_der(read(key), "PRIVATE KEY")[0])
    except ValueError as er:
        raise ValueError("Tls: %s; want PEM or DER, as bytes or in a file (chains: if the port reads PEM)" % er)
