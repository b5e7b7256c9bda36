"""Checks what a Keyhouse signed: answers to validations, and license files for offline use.

Needs PyJWT (pip install "pyjwt[crypto]"). Whatever raises Refused is a no; only a return is a yes.
"""

import base64
import hashlib

import jwt

MINUTE, HOUR, DAY = 60, 3600, 86400


class Refused(Exception):
    """`code`: the server's own refusal (LICENSE_...), or in lower case what is wrong with the document."""

    def __init__(self, code):
        super().__init__(code)
        self.code = code


class Verifier:
    def __init__(self, jwks, issuer, product_id):
        """`jwks`: /.well-known/jwks.json as it was when this program was built. Ship it with the program;
        if you fetch it at run time, a fake server can hand out its own."""
        self.keys = {key["kid"]: jwt.PyJWK(key, algorithm="EdDSA") for key in jwks["keys"]}
        self.issuer = issuer
        self.product_id = product_id

    def verdict(self, signed, key, nonce, hardware_id, now):
        """Checks `signed` of an answer to a validation. `nonce` is the one that this very request sent:
        at least 16 fresh random characters. `now`: seconds since 1970. Returns the claims."""
        claims = self._claims(signed, "kh-verdict+jwt", key, hardware_id)
        if not nonce or claims.get("nonce") != nonce:
            raise Refused("wrong_nonce")
        self._check_times(claims, now, 5 * MINUTE)
        if claims.get("verdict") != "VALID":
            raise Refused(claims.get("verdict"))
        return claims

    def license_file(self, signed, key, hardware_id, now, last_seen):
        """Checks a license file without a network. `last_seen` is what the last call returned, kept on disk;
        for a file that came just now, `now`. Returns the claims and the next `last_seen`."""
        claims = self._claims(signed, "kh-license+jwt", key, hardware_id)
        if claims.get("hardware_id_hash") is None:
            raise Refused("other_hardware")  # a file is of one machine
        if last_seen is None:
            raise Refused("ask_online")  # somebody deleted what we had seen: validate online, get a new file
        if now < last_seen - HOUR:
            raise Refused("clock_set_back")
        self._check_times(claims, now, 90 * DAY)
        return claims, max(last_seen, now)

    def _claims(self, signed, typ, key, hardware_id):
        try:
            parts = signed.split(".")
            if len(parts) != 3 or any(_encode(_decode(part)) != part for part in parts):
                raise Refused("malformed")  # exactly one spelling of the bytes: PyJWT alone reads several
            header = jwt.get_unverified_header(signed)
        except (ValueError, AttributeError, jwt.PyJWTError):
            raise Refused("malformed") from None
        if "crit" in header:
            raise Refused("malformed")  # an extension that we do not know
        if header.get("typ") != typ:
            raise Refused("wrong_type")
        if header.get("alg") != "EdDSA":
            raise Refused("bad_signature")
        if header.get("kid") not in self.keys:
            raise Refused("unknown_key")
        try:  # times are checked below, against the clock that we were given
            options = {"verify_exp": False, "verify_iat": False, "verify_nbf": False, "verify_aud": False}
            claims = jwt.decode(signed, self.keys[header["kid"]], algorithms=["EdDSA"], options=options)
        except jwt.PyJWTError:
            raise Refused("bad_signature") from None
        if claims.get("iss") != self.issuer:
            raise Refused("wrong_issuer")
        if claims.get("product_id") != self.product_id:
            raise Refused("other_product")
        if claims.get("key_hash") != _sha256(key.strip()):
            raise Refused("other_license")
        if claims.get("hardware_id_hash") != (_sha256(hardware_id.strip().lower()) if hardware_id else None):
            raise Refused("other_hardware")
        return claims

    @staticmethod
    def _check_times(claims, now, life_max):
        issued, expires = claims.get("iat"), claims.get("exp")
        if type(issued) is not int or type(expires) is not int or expires - issued > life_max:
            raise Refused("malformed")
        if now < issued - 5 * MINUTE:
            raise Refused("clock_set_back")
        if now >= expires:
            raise Refused("expired")


def _sha256(text):
    return hashlib.sha256(text.encode()).hexdigest()


def _decode(text):
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)


def _encode(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
