// Checks what a Keyhouse signed: answers to validations, and license files for offline use.
// Needs Node 16 or newer and no package. Whatever throws Refused is a no; only a return is a yes.

import { createHash, createPublicKey, verify } from 'node:crypto';

const MINUTE = 60, HOUR = 3600, DAY = 86400;

/** `code`: the server's own refusal (LICENSE_...), or in lower case what is wrong with the document. */
export class Refused extends Error {
  constructor(code) {
    super(code);
    this.code = code;
  }
}

export class Verifier {
  #keys; #issuer; #productId;

  /**
   * `jwks`: /.well-known/jwks.json as it was when this program was built. Ship it with the program;
   * if you fetch it at run time, a fake server can hand out its own.
   */
  constructor(jwks, issuer, productId) {
    this.#keys = new Map(jwks.keys.map(jwk => [jwk.kid, createPublicKey({ key: jwk, format: 'jwk' })]));
    this.#issuer = issuer;
    this.#productId = productId;
  }

  /**
   * Checks `signed` of an answer to a validation. `nonce` is the one that this very request sent:
   * at least 16 fresh random characters. `now`: seconds since 1970. Returns the claims.
   */
  verdict(signed, { key, nonce, hardwareId, now }) {
    const claims = this.#claims(signed, 'kh-verdict+jwt', key, hardwareId);
    if (!nonce || claims.nonce !== nonce) throw new Refused('wrong_nonce');
    checkTimes(claims, now, 5 * MINUTE);
    if (claims.verdict !== 'VALID') throw new Refused(claims.verdict);
    return claims;
  }

  /**
   * Checks a license file without a network. `lastSeen` is what the last call returned, kept on disk;
   * for a file that came just now, `now`. Returns the claims and the next `lastSeen`.
   */
  licenseFile(signed, { key, hardwareId, now, lastSeen }) {
    const claims = this.#claims(signed, 'kh-license+jwt', key, hardwareId);
    if (!claims.hardware_id_hash) throw new Refused('other_hardware'); // a file is of one machine
    // Somebody deleted what we had seen: validate online, and get a new file.
    if (lastSeen === null || lastSeen === undefined) throw new Refused('ask_online');
    if (now < lastSeen - HOUR) throw new Refused('clock_set_back');
    checkTimes(claims, now, 90 * DAY);
    return { claims, lastSeen: Math.max(lastSeen, now) };
  }

  #claims(signed, typ, key, hardwareId) {
    const parts = String(signed).split('.');
    // Exactly one spelling of the bytes: Buffer alone would read several.
    const bytes = parts.map(part => Buffer.from(part, 'base64url'));
    if (parts.length !== 3 || bytes.some((b, n) => b.toString('base64url') !== parts[n])) throw new Refused('malformed');
    const header = json(bytes[0]);
    if ('crit' in header) throw new Refused('malformed'); // an extension that we do not know
    if (header.typ !== typ) throw new Refused('wrong_type');
    if (header.alg !== 'EdDSA') throw new Refused('bad_signature');
    const publicKey = this.#keys.get(header.kid);
    if (!publicKey) throw new Refused('unknown_key');
    const good = verify(null, Buffer.from(`${parts[0]}.${parts[1]}`), publicKey, bytes[2]);
    if (!good) throw new Refused('bad_signature');
    const claims = json(bytes[1]);
    if (claims.iss !== this.#issuer) throw new Refused('wrong_issuer');
    if (claims.product_id !== this.#productId) throw new Refused('other_product');
    if (claims.key_hash !== sha256(key.trim())) throw new Refused('other_license');
    const machine = hardwareId ? sha256(hardwareId.trim().toLowerCase()) : null;
    if ((claims.hardware_id_hash ?? null) !== machine) throw new Refused('other_hardware');
    return claims;
  }
}

function checkTimes({ iat, exp }, now, lifeMax) {
  if (!Number.isInteger(iat) || !Number.isInteger(exp) || exp - iat > lifeMax) throw new Refused('malformed');
  if (now < iat - 5 * MINUTE) throw new Refused('clock_set_back');
  if (now >= exp) throw new Refused('expired');
}

function json(bytes) {
  try {
    const value = JSON.parse(bytes.toString());
    if (value && typeof value === 'object') return value;
  } catch {}
  throw new Refused('malformed');
}

function sha256(text) {
  return createHash('sha256').update(text).digest('hex');
}
