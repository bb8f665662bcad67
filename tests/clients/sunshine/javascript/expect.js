// How values are compared, and how a call must fail.
"use strict";

const { isDeepStrictEqual, inspect } = require("node:util");

class Mismatch extends Error {}

// Models of the client compare by their members.
const plain = (value) => (value === undefined ? undefined : JSON.parse(JSON.stringify(value)));

function equal(what, found, expected) {
  if (!isDeepStrictEqual(plain(found), plain(expected))) {
    throw new Mismatch(`${what}: ${inspect(found)} instead of ${inspect(expected)}`);
  }
}

// A call that must fail with this status and this code in the vendor's error shape.
async function refused(what, status, code, call) {
  try {
    await call();
  } catch (error) {
    if (error.status === undefined) throw error;
    equal(`${what}, status`, error.status, status);
    equal(`${what}, code`, error.body.errors.map((one) => one.code), [code]);
    return;
  }
  throw new Mismatch(`${what}: no error, ${status} ${code} was expected`);
}

module.exports = { Mismatch, equal, refused };
