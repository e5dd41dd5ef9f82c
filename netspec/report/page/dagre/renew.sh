#!/usr/bin/env bash
# Fetches the layout library as its authors publish it: dagre.min.js, as it is, and its licence.
# Usage: renew.sh [VERSION]; without one, the version that is carried, checked against its hash.
set -euo pipefail
cd "$(dirname "$0")"
version=${1:-$(sed -n 's/^version //p' VERSION)}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
(cd "$work" && npm pack --silent "@dagrejs/dagre@$version" >/dev/null && tar xzf dagrejs-dagre-*.tgz)
# The map of its source is not carried: the line that names it would be a request.
sed '/^\/\/# sourceMappingURL=/d' "$work/package/dist/dagre.min.js" > "$work/dagre.min.js"
hash=$(sha256sum "$work/dagre.min.js" | cut -d' ' -f1)
if [ -z "${1:-}" ]; then
    grep -qx "sha256 $hash" VERSION || { echo "dagre $version has another hash: $hash"; exit 1; }
fi
cp "$work/dagre.min.js" dagre.min.js
cp "$work/package/LICENSE" LICENSE
printf 'version %s\nsha256 %s\n' "$version" "$hash" > VERSION
echo "dagre $version, sha256 $hash"
