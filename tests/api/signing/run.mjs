// Runs the verifier that the argument names over the vectors on standard input.

import { readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';

const { Verifier, Refused } = await import(pathToFileURL(process.argv[2]));
const vectors = JSON.parse(readFileSync(0, 'utf8'));
const verifier = new Verifier(vectors.jwks, vectors.issuer, vectors.product_id);

function judge({ document, signed, key, nonce, hardware_id, now, last_seen }) {
  const here = { key, nonce, hardwareId: hardware_id, now, lastSeen: last_seen };
  try {
    if (document === 'verdict') return verifier.verdict(signed, here) && 'ok';
    return `ok ${verifier.licenseFile(signed, here).lastSeen}`;
  } catch (e) {
    if (e instanceof Refused) return e.code;
    throw e;
  }
}

process.stdout.write(JSON.stringify(vectors.cases.map(judge)));
