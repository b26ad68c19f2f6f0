#!/usr/bin/env bash
# Makes the Debian packages of both programs from a staged installation. `make deb` calls it:
#
#     make-deb.sh STAGE DESTINATION
#
# STAGE is what `make install DESTDIR=STAGE PREFIX=/usr` wrote. Files of one program have its name; the rest is an error, so
# that nothing is left out.
set -euo pipefail
cd "$(dirname "$0")/.."
stage=$(realpath "$1")
mkdir -p "$2"
destination=$(realpath "$2")

version=$("$stage/usr/bin/pipemason" --version)
architecture=$(dpkg --print-architecture)
domain=pipemason.example
maintainer="${DEBFULLNAME:-pipemason} <${DEBEMAIL:-packages@$domain}>"
# The same input gives the same package: times are those of the commit.
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
export SOURCE_DATE_EPOCH
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Which package a file belongs to.
owner() {
    case $1 in
    */pipemason-server* | *_pipemason-server | ./etc/pipemason-server/*) echo pipemason-server ;;
    */pipemason | */pipemason-link | */pipemason.* | */_pipemason) echo pipemason ;;
    *) echo "make-deb: no package for $1" >&2 && return 1 ;;
    esac
}

cd "$stage"
while IFS= read -r file; do
    package=$(owner "$file")
    install -D -p -m "$(stat -c %a "$file")" "$file" "$work/$package/$file"
done < <(find . -type f | sort)
cd - >/dev/null

for package in pipemason pipemason-server; do
    root=$work/$package
    strip --strip-unneeded "$root"/usr/bin/*
    # Completions are read, not executed.
    sed -i '1{/^#!/d}' "$root/usr/share/bash-completion/completions/$package"
    find "$root/usr/share/man" -type f -exec gzip -9n {} +
    documents=$root/usr/share/doc/$package
    install -D -m 644 packaging/debian/copyright "$documents/copyright"
    printf '%s (%s) unstable; urgency=medium\n\n  * Release %s.\n\n -- %s  %s\n' "$package" "$version" "$version" \
        "$maintainer" "$(date -u -R -d "@$SOURCE_DATE_EPOCH")" | gzip -9n >"$documents/changelog.gz"

    mkdir -p "$root/DEBIAN"
    # Libraries of the programs that are not static.
    mapfile -t dynamic < <(for program in "$root"/usr/bin/*; do
        ! readelf -d "$program" | grep NEEDED >/dev/null || echo "$program"
    done)
    shlibs=
    if [ ${#dynamic[@]} -gt 0 ]; then
        mkdir -p "$work/debian"
        printf 'Source: %s\n\nPackage: %s\nArchitecture: any\n' "$package" "$package" >"$work/debian/control"
        shlibs=$(cd "$work" && dpkg-shlibdeps -O "${dynamic[@]}" 2>/dev/null | sed -n 's/^shlibs:Depends=//p')
        [ -n "$shlibs" ]
    fi
    sed -e "s/@VERSION@/$version/" -e "s/@ARCHITECTURE@/$architecture/" -e "s/@MAINTAINER@/$maintainer/" \
        -e "s/@SIZE@/$(du -k -s --exclude=DEBIAN "$root" | cut -f1)/" -e "s/@SHLIBS@/$shlibs/" -e '/^Depends: $/d' \
        "packaging/debian/$package/control" >"$root/DEBIAN/control"
    for script in postinst prerm postrm; do
        [ ! -e "packaging/debian/$package/$script" ] \
            || install -m 755 "packaging/debian/$package/$script" "$root/DEBIAN/$script"
    done
    [ ! -e "packaging/debian/$package/conffiles" ] \
        || install -m 644 "packaging/debian/$package/conffiles" "$root/DEBIAN/conffiles"
    (cd "$root" && find usr -type f -print0 | LC_ALL=C sort -z | xargs -0 md5sum >DEBIAN/md5sums)
    find "$root" -type d -exec chmod 755 {} +
    find "$root" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
    dpkg-deb --root-owner-group -Zxz --build "$root" "$destination/${package}_${version}_$architecture.deb"
done
