# SPDX-License-Identifier: Apache-2.0
# What the two parts of the tutorial are typed with: a command is run as it stands, and what it prints is compared with
# expect/PART.txt, block by block. Read by part_a.sh and part_b.sh.
#
#   type COMMAND          types it once; what it prints must be what is expected now
#   await COMMAND         types it again and again until it prints what is expected, for at most TUTORIAL_WAIT seconds
#   answer TEXT COMMAND   types it, and TEXT when it asks
#   pages N KIND=PERCENT  looks at BookInfo's page N times and expects these shares of stars (none, black, red)
#   settle KIND...        waits until the page shows these kinds of stars only, 20 times in a row
#   show PATTERN... -- COMMAND   types it, and y when it asks; each pattern (grep -E) must match a line
#
# What differs between two runs is masked on both sides: hashes in names, ages, addresses, node ports, processor use.
# UPDATE=1 writes the expectations anew: read the diff. On a cluster that measures no processor use (no metrics.k8s.io),
# <unknown> stands for a number, and replicas of autoscalers do not count.
set -uo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
TUTORIAL_WAIT=${TUTORIAL_WAIT:-120}
steps=0

begin() { # begin PART
    part=$1
    expected=$here/expect/$part.txt
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    autoscaled='s/cpu: [0-9]+%/cpu: N%/'
    kubectl get --raw /apis/metrics.k8s.io/v1beta1 > "$work/metrics" 2>&1 ||
        autoscaled='s/cpu: (<unknown>|[0-9]+%)(.*[0-9] +)[0-9]+( +[0-9a-z]+)$/cpu: N%\21\3/'
    : > "$work/transcript"
}

# finish: the end of a script of which every step was as expected
finish() {
    [ -z "${UPDATE:-}" ] || cp "$work/transcript" "$expected"
    echo "$part: $steps steps, all as expected"
}

hash='[b-df-hj-np-tv-z2-9]{8,10}(-[b-df-hj-np-tv-z2-9]{5})?'
named='(ratings-(api|web|mongodb)|istiod|istio-(in|e)gressgateway|(details|productpage|ratings|reviews)-v[0-9])'

masked() {
    sed -E -e "s/\b$named-$hash\b/\1-HASH/g" -e 's/([0-9]+\.){3}[0-9]+|<pending>/IP/g' \
        -e 's/:3[0-9]{4}\/TCP/:PORT\/TCP/g' -e "$autoscaled" -e 's/ \([0-9.]+ s\)//g' \
        -e 's/ \([0-9]+ created, .*\)$//' -e 's/( +)([0-9]+[smhd]){1,2}( |$)/\1AGE\3/' \
        -e 's/\b[0-9]+\.[0-9]+\.[0-9]+(-[a-z0-9.]+)?\b/VERSION/g' -e 's/ {2,}/  /g' -e 's/ +$//'
}

# block N: what is expected of the Nth command
block() { awk -v n="$1" '/^\$ /{i++} i==n' "$expected" 2>/dev/null; }

# output COMMAND [INPUT]: the command and what it prints, masked; a code other than 0 as a last line
output() {
    local code=0
    printf '$ %s\n' "$1"
    eval "$1" <<< "${2-}" 2>&1 || code=$?
    [ $code = 0 ] || echo "(exit $code)"
}

verdict() { # verdict: compares $work/now with the block of this step; the first difference ends the script
    cat "$work/now" >> "$work/transcript"
    if [ -n "${UPDATE:-}" ] || cmp -s "$work/now" <(block $steps); then
        cat "$work/now"
        return
    fi
    echo "NOT AS EXPECTED (step $steps of $part, < expected, > printed):"
    diff <(block $steps) "$work/now"
    exit 1
}

type() {
    steps=$((steps + 1))
    output "$1" | masked > "$work/now"
    verdict
}

answer() {
    steps=$((steps + 1))
    output "$2" "$1" | masked > "$work/now"
    verdict
}

await() {
    local deadline=$((SECONDS + TUTORIAL_WAIT))
    steps=$((steps + 1))
    [ -z "${UPDATE:-}" ] || { deadline=$SECONDS; sleep 12; }
    while
        output "$1" | masked > "$work/now"
        ! cmp -s "$work/now" <(block $steps) && [ $SECONDS -lt $deadline ]
    do sleep 0.5; done
    verdict
}

show() {
    local patterns=() pattern
    while [ "$1" != -- ]; do patterns+=("$1"); shift; done
    steps=$((steps + 1))
    output "$2" y > "$work/whole"
    { head -1 "$work/whole" | masked
      for pattern in "${patterns[@]}"; do
          if grep -qE -- "$pattern" "$work/whole"; then echo "has: $pattern"; else echo "lacks: $pattern"; fi
      done; } > "$work/now"
    grep -q '^lacks' "$work/now" && cat "$work/whole"
    verdict
}

# stars FILE: which stars a page shows
stars() {
    if ! grep -q 'Book Reviews' "$1"; then echo broken
    elif grep -q 'text-red-500' "$1"; then echo red
    elif grep -q 'glyphicon glyphicon-star' "$1"; then echo black
    else echo none; fi
}

# settle KIND...: waits until only these kinds have been seen 20 times in a row
settle() {
    local quiet=0 deadline=$((SECONDS + TUTORIAL_WAIT))
    while [ $quiet -lt 20 ] && [ $SECONDS -lt $deadline ]; do
        curl -s -m 10 "http://$GATEWAY_URL/productpage" > "$work/page"
        case " $* " in *" $(stars "$work/page") "*) quiet=$((quiet + 1)) ;; *) quiet=0 ;; esac
    done
}

# pages N KIND=PERCENT...: a share may be off by five standard deviations; no other kind may be seen
pages() {
    local n=$1 i kind percent seen
    shift
    steps=$((steps + 1))
    for i in $(seq "$n"); do
        curl -s -m 10 "http://$GATEWAY_URL/productpage" > "$work/page"
        stars "$work/page"
    done > "$work/seen"
    { echo "$ for i in \$(seq $n); do curl -s http://\$GATEWAY_URL/productpage; done"
      for kind in none black red broken; do
          percent=0
          for i in "$@"; do [ "${i%=*}" != $kind ] || percent=${i#*=}; done
          seen=$(grep -cx $kind "$work/seen")
          awk -v n="$n" -v p="$percent" -v seen="$seen" -v kind=$kind 'BEGIN {
              off = seen - n * p / 100; if (off < 0) off = -off
              if (off <= 5 * sqrt(n * p / 100 * (1 - p / 100))) { if (p) print kind ": " p " %" }
              else print kind ": " seen " of " n ", expected " p " %" }'
      done; } > "$work/now"
    verdict
}
