# Sourced by the scripts beside this folder: what they need of the machine.

# Prints each of the given Debian packages that is not installed.
missing_packages() {
  local package
  for package in "$@"; do
    dpkg-query --show --showformat='${Status}\n' "$package" 2>/dev/null |
      grep -q 'ok installed' || echo "$package"
  done
}

# Runs a command as root: directly, or through sudo when that asks nothing or a person can answer.
as_root() {
  if [[ $EUID -eq 0 ]]; then
    "$@"
  else
    sudo "$@"
  fi
}

can_be_root() {
  [[ $EUID -eq 0 ]] || { command -v sudo >/dev/null && { sudo -n true 2>/dev/null || [[ -t 0 ]]; }; }
}

# Installs those of the given Debian packages that are missing; fetches the lists only then.
ensure_packages() {
  local missing
  [[ -n ${LINEARIZE_SKIP_PACKAGES:-} ]] && return 0
  if ! command -v dpkg-query >/dev/null; then
    echo "This script installs packages with apt-get, which this system lacks." >&2
    echo "Install what these Debian packages hold: $*" >&2
    echo "and run it again with LINEARIZE_SKIP_PACKAGES=1 in the environment." >&2
    return 1
  fi
  mapfile -t missing < <(missing_packages "$@")
  [[ ${#missing[@]} -eq 0 ]] && return 0
  if ! can_be_root; then
    echo "Missing packages: ${missing[*]}" >&2
    echo "Neither root nor sudo is at hand. Ask an administrator to run:" >&2
    echo "  apt-get update && apt-get install ${missing[*]}" >&2
    return 1
  fi
  echo "Installing: ${missing[*]}"
  as_root apt-get update -qq
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
    "${missing[@]}" >/dev/null
}

# Stops with what to install when there is no Swift, or one older than 6.1.
ensure_swift() {
  local version
  if ! command -v swift >/dev/null; then
    echo "Swift is missing. Install Swift 6.1 or newer from https://www.swift.org/install/linux" >&2
    echo "and put its usr/bin folder on PATH; then run this script again." >&2
    return 1
  fi
  version=$(swift --version 2>/dev/null | sed -nE 's/.*Swift version ([0-9]+\.[0-9]+).*/\1/p' | head -n 1)
  if [[ -z $version ]] || [[ $(printf '%s\n6.1\n' "$version" | sort -V | head -n 1) != 6.1 ]]; then
    echo "Swift ${version:-of an unknown version} was found; 6.1 or newer is needed." >&2
    echo "Install it from https://www.swift.org/install/linux and put it first on PATH." >&2
    return 1
  fi
}

# What the build links: OpenBLAS, HDF5, OpenSSL's libcrypto and zlib, found by pkg-config.
BUILD_PACKAGES=(libopenblas-dev libhdf5-dev libssl-dev zlib1g-dev pkg-config)

# The flags with which Swift leaves out nothing that a test needs from a release build.
RELEASE_TEST_FLAGS=(-c release -Xswiftc -enable-testing)
