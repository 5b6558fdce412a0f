// certificates.mjs -- a little certificate authority for tests, made by the
// `openssl` command in a temporary folder that the caller removes.

import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const CONFIG = `
[ca]
default_ca = ours
[ours]
dir = .
database = index.txt
serial = serial
new_certs_dir = .
default_md = sha256
policy = any
unique_subject = no
[any]
commonName = supplied
[here]
subjectAltName = DNS:localhost,IP:127.0.0.1,IP:::1
basicConstraints = CA:FALSE
[elsewhere]
subjectAltName = DNS:elsewhere.example
basicConstraints = CA:FALSE
`;

const NEW_KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];

// { ca, dir, pair(name) -> { key, cert } } with the pairs good, expired, wrong
// (another name) and self (signed by nobody).
export function makeCertificates() {
  const dir = mkdtempSync(join(tmpdir(), "upstream-tls-"));
  const openssl = (...args) => execFileSync("openssl", args, { cwd: dir, stdio: "pipe" });
  writeFileSync(join(dir, "ca.cnf"), CONFIG);
  writeFileSync(join(dir, "index.txt"), "");
  writeFileSync(join(dir, "serial"), "01\n");

  openssl("req", "-x509", ...NEW_KEY, "-keyout", "ca.key", "-out", "ca.pem",
    "-subj", "/CN=test authority", "-days", "3650");
  openssl("req", "-x509", ...NEW_KEY, "-keyout", "self.key", "-out", "self.pem",
    "-subj", "/CN=localhost", "-days", "3650",
    "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1,IP:::1");

  const sign = (name, extensions, from, to) => {
    openssl("req", ...NEW_KEY, "-keyout", `${name}.key`, "-out", `${name}.csr`,
      "-subj", `/CN=${name}`);
    openssl("ca", "-batch", "-notext", "-config", "ca.cnf", "-cert", "ca.pem",
      "-keyfile", "ca.key", "-in", `${name}.csr`, "-out", `${name}.pem`,
      "-extensions", extensions, "-startdate", from, "-enddate", to);
  };
  sign("good", "here", "20200101000000Z", "20491231000000Z");
  sign("expired", "here", "20200101000000Z", "20210101000000Z");
  sign("wrong", "elsewhere", "20200101000000Z", "20491231000000Z");

  const pair = (name) => ({
    key: readFileSync(join(dir, `${name}.key`)),
    cert: readFileSync(join(dir, `${name}.pem`)),
  });
  return { ca: join(dir, "ca.pem"), dir, pair };
}
