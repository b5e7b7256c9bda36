"""Runs the verifier that the argument names over the vectors on standard input."""

import importlib.util
import json
import sys

sys.dont_write_bytecode = True
spec = importlib.util.spec_from_file_location("keyhouse_verify", sys.argv[1])
keyhouse = importlib.util.module_from_spec(spec)
spec.loader.exec_module(keyhouse)

vectors = json.load(sys.stdin)
verifier = keyhouse.Verifier(vectors["jwks"], vectors["issuer"], vectors["product_id"])


def judge(case):
    try:
        if case["document"] == "verdict":
            verifier.verdict(case["signed"], case["key"], case["nonce"], case["hardware_id"], case["now"])
            return "ok"
        _, seen = verifier.license_file(
            case["signed"], case["key"], case["hardware_id"], case["now"], case["last_seen"])
        return f"ok {seen}"
    except keyhouse.Refused as refused:
        return refused.code


json.dump([judge(case) for case in vectors["cases"]], sys.stdout)
