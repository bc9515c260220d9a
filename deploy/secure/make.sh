#!/usr/bin/env bash
# Makes what compose.secure.yml asks for, once, into deploy/secure/secrets: an authority of this stack's own, the
# broker's and the administrator's certificates, and a password for each user. Needs bash and openssl.
#
#   deploy/secure/make.sh            makes what is not there yet, leaves the rest as it is
#   deploy/secure/make.sh HOST...    more names or addresses by which clients reach the broker
#
# The folder is closed to other users of this machine. The files in it are readable, because a container's user,
# who is given single files and never the folder, is not this one.
set -euo pipefail
umask 022
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
out=$here/secrets
days=825
mkdir -p "$out"
chmod 700 "$out"
cd "$out"

key() { # name of the file; a key of its own for each certificate
  openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1" 2>/dev/null
}

authority() {
  [ -s ca.pem ] && [ -s ca.key ] && return
  key ca.key
  chmod 600 ca.key # no container is given it
  openssl req -x509 -new -key ca.key -sha256 -days "$days" -subj "/CN=gruard authority" \
    -addext "keyUsage=critical,keyCertSign,cRLSign" -out ca.pem
  rm -f broker.pem admin.pem # signed by the one before
}

certificate() { # name, what it may be used for, names it answers to
  [ -s "$1.pem" ] && return
  key "$1.key"
  openssl req -new -key "$1.key" -subj "/CN=$1" -out "$1.csr"
  printf '%s\n' "basicConstraints=critical,CA:FALSE" "keyUsage=critical,digitalSignature" \
    "extendedKeyUsage=$2" "subjectAltName=$3" >"$1.ext"
  openssl x509 -req -in "$1.csr" -CA ca.pem -CAkey ca.key -CAcreateserial -sha256 -days "$days" \
    -extfile "$1.ext" -out "$1.crt" 2>/dev/null
  cat "$1.key" "$1.crt" >"$1.pem"
  rm "$1.key" "$1.csr" "$1.ext" "$1.crt"
}

password() {
  [ -s "$1.password" ] || openssl rand -hex 24 >"$1.password"
}

names=DNS:kafka,DNS:localhost,IP:127.0.0.1
for name in "$@"; do
  case $name in *[!0-9.]*) names=$names,DNS:$name ;; *) names=$names,IP:$name ;; esac
done
authority
certificate broker serverAuth,clientAuth "$names"
certificate admin clientAuth DNS:admin
for user in topics fleet detector notify; do password "$user"; done
echo "$out: $(ls | tr '\n' ' ')"
