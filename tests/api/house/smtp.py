"""A mail server for tests: `smtp.py DIR SETTINGS`, where SETTINGS is JSON.

What it accepts is written to DIR as JSON, as Python's own parser reads it, before it is answered. What it
does to a mail is said by the recipient's name: refused, later, hangup (in the middle of the message), lost
(takes the message and goes away without an answer), slow (until the file DIR/go is there), spam.
"""

import asyncio, datetime, email, email.policy, ipaddress, itertools, json, pathlib, ssl, sys

from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

ROOT, SETTINGS = pathlib.Path(sys.argv[1]), json.loads(sys.argv[2])
COUNT, WAITING, LOST = itertools.count(), [0, 0], set()


def write(name, value):
    unfinished = ROOT / (name + ".tmp")
    unfinished.write_text(json.dumps(value))
    unfinished.rename(ROOT / name)


def certificate():
    """A certificate authority of our own, and a server's certificate of it for localhost."""
    now, names = datetime.datetime.now(datetime.timezone.utc), {}
    for who, issuer in (("ca", "ca"), ("server", "ca")):
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test " + who)])
        names[who] = (name, key)
        built = (
            x509.CertificateBuilder().subject_name(name).issuer_name(names[issuer][0]).public_key(key.public_key())
            .serial_number(x509.random_serial_number()).not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=1))
            .add_extension(x509.BasicConstraints(who == "ca", None), True)
        )
        if who == "server":
            hosts = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
            built = built.add_extension(x509.SubjectAlternativeName(hosts), False)
        signed = built.sign(names[issuer][1], hashes.SHA256())
        (ROOT / (who + ".pem")).write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    secret = names["server"][1].private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (ROOT / "key.pem").write_bytes(secret)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(ROOT / "server.pem", ROOT / "key.pem")
    return context


class Handler:
    async def handle_RCPT(self, server, session, envelope, address, options):
        if address.startswith("refused"):
            return "550 5.1.1 there is nobody of that name"
        if address.startswith("later") and address not in LOST:
            LOST.add(address)
            return "450 4.2.1 come back later"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        to = envelope.rcpt_tos[0]
        if to.startswith("spam"):
            return "554 5.7.1 this looks like spam: " + envelope.content.decode()[-60:].replace("\r\n", " ")
        if to.startswith("slow"):
            WAITING[0] += 1
            WAITING[1] = max(WAITING)
            write("waiting", WAITING)
            while not (ROOT / "go").exists():
                await asyncio.sleep(0.01)
            WAITING[0] -= 1
        mail = email.message_from_bytes(envelope.content, policy=email.policy.default)
        bodies = {part.get_content_type(): part.get_content() for part in mail.walk() if not part.is_multipart()}
        write("%06d.json" % next(COUNT), {
            "from": envelope.mail_from, "to": to, "headers": [[name, str(value)] for name, value in mail.items()],
            "parts": bodies, "tls": session.ssl is not None or SETTINGS["tls"] == "smtps",
            "user": session.auth_data.login.decode() if session.authenticated else None, "raw": envelope.content.decode(),
        })
        if to.startswith("lost") and to not in LOST:
            LOST.add(to)
            server.transport.abort()
        return "250 2.0.0 taken"


class Server(SMTP):
    async def smtp_MAIL(self, arg):
        with open(ROOT / "spoken", "a") as spoken:
            spoken.write(arg + "\n")
        await super().smtp_MAIL(arg)

    async def smtp_DATA(self, arg):
        to = self.envelope.rcpt_tos[0] if self.envelope.rcpt_tos else ""
        if to.startswith("hangup") and to not in LOST:
            LOST.add(to)
            await self.push("354 go on")
            await self._reader.read(10)
            self.transport.abort()
            return
        await super().smtp_DATA(arg)


def authenticate(server, session, envelope, mechanism, data):
    wanted = LoginPassword(SETTINGS["user"].encode(), SETTINGS["password"].encode())
    if data == wanted:
        return AuthResult(success=True, auth_data=data)
    return AuthResult(success=False, handled=False)


async def main():
    context = certificate()
    more = {"tls_context": context, "require_starttls": True} if SETTINGS["tls"] == "starttls" else {}
    if SETTINGS["user"]:
        more |= {"authenticator": authenticate, "auth_required": True, "auth_require_tls": False}

    def session():
        return Server(Handler(), hostname="mail.test", enable_SMTPUTF8=SETTINGS["utf8"], **more)

    tls = context if SETTINGS["tls"] == "smtps" else None
    server = await asyncio.get_running_loop().create_server(session, "127.0.0.1", 0, ssl=tls)
    write("port", server.sockets[0].getsockname()[1])
    await server.serve_forever()


asyncio.run(main())
