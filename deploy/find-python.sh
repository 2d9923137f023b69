#!/usr/bin/env bash
# Prints the path of a working Python of the given version (3.11, 3.13), from the PATH or from
# pyenv; prints nothing if there is none.
want=$1
of_pyenv=$(command -v pyenv >/dev/null && echo "$(pyenv root)/versions/$want."*/bin/python"$want")
for candidate in "python$want" "$of_pyenv"; do
  for python in $candidate; do
    "$python" -c 'import ensurepip, venv' 2>/dev/null && { command -v "$python"; exit 0; }
  done
done
exit 0
