dnl Builds the extension for phpize, and therefore for PIE: cargo builds and decides which files are stale, make
dnl installs. There is no C source and hence no PHP_NEW_EXTENSION; PHP_MODULES lists the module directly. Needs cargo
dnl and rustc 1.89, and libclang for ext-php-rs' bindings.

PHP_ARG_ENABLE([pillion],
  [whether to build Pillion],
  [AS_HELP_STRING([--disable-pillion], [Do not build Pillion])],
  [yes])

if test "$PHP_PILLION" != "no"; then
  dnl The directory of rustup's binaries, for shells without it in PATH.
  AC_PATH_PROG([CARGO], [cargo], [no], [$PATH:$HOME/.cargo/bin])
  AC_PATH_PROG([RUSTC], [rustc], [no], [$PATH:$HOME/.cargo/bin])
  if test "$CARGO" = "no" || test "$RUSTC" = "no"; then
    AC_MSG_ERROR([cargo and rustc 1.89 or newer are needed; rustup or the packages of your system have them])
  fi

  AC_MSG_CHECKING([for rustc 1.89 or newer])
  pillion_rust=`$RUSTC --version | $SED -n 's/^rustc \([[0-9]]*\)\.\([[0-9]]*\).*/\1 \2/p'`
  set -- $pillion_rust
  if test "${1:-0}" -lt 1 || { test "${1:-0}" -eq 1 && test "${2:-0}" -lt 89; }; then
    AC_MSG_RESULT([no])
    AC_MSG_ERROR([$RUSTC is too old: `$RUSTC --version`])
  fi
  AC_MSG_RESULT([$1.$2])

  pillion_source=`cd "$srcdir" && pwd`
  PHP_ADD_BUILD_DIR([$ext_builddir/modules])
  PHP_MODULES="$PHP_MODULES \$(phplibdir)/pillion.so"
  cat >>Makefile.objects <<EOF
# PATH holds what configure found: cargo looks for rustc there.
\$(phplibdir)/pillion.so: pillion_cargo
	@library="$pillion_source/target/release/libpillion"; for ending in so dylib; do if test -f "\$\$library.\$\$ending"; then cp -f "\$\$library.\$\$ending" "\$@"; fi; done

pillion_cargo:
	cd "$pillion_source" && PATH="`dirname "$CARGO"`:\$\$PATH" PHP="$PHP_EXECUTABLE" PHP_CONFIG="`command -v "$PHP_CONFIG"`" CARGO_TARGET_DIR="$pillion_source/target" "$CARGO" build --release --locked --package pillion

.PHONY: pillion_cargo
EOF
fi
