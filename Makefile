# SPDX-License-Identifier: Apache-2.0
# The front door. Everything is built by meson; this file only names the ways in.
#
#   make up       install what is missing, build, start the sandbox with the mesh and BookInfo, print what to open
#   make down     stop it and leave nothing behind
#   make test     all tests: house rules, unit, golden, fuzz corpora, end to end
#   make dist     what users download: weft-X.Y.Z/ and a tarball
#   make build    optimised programs in build/bin        make images   container images in build/images
#                 (make images HUB=REGISTRY/REPOSITORY also pushes them there, with skopeo)
#   make check    the house rules alone                  make dev      the sanitised build in build/dev
#   make verify   clang, TSan, interop with Envoy and a real Kubernetes (KUBECONFIG)
#   make bench    speed against Envoy, nginx, haproxy; times of the sandbox    make fuzz     every fuzz target for a minute
SHELL := /bin/bash
NAME ?= weft
export CC ?= $(shell command -v ccache >/dev/null && echo ccache) gcc
ifeq ($(origin CC),default)
export CC := $(shell command -v ccache >/dev/null && echo ccache) gcc
export CXX := $(shell command -v ccache >/dev/null && echo ccache) g++
endif
PROGRAMS := weft weftd weft-proxy

.PHONY: up down build images dist dev check test verify bench soak fuzz deps-up deps-test clean

up: deps-up build images
	@build/bin/weft sandbox up --name $(NAME) --images $(CURDIR)/build/images

down:
	@if [ -x build/bin/weft ]; then build/bin/weft sandbox down --name $(NAME); fi

deps-up:
	@tools/install-deps up

deps-test:
	@tools/install-deps test

build/release/build.ninja:
	meson setup build/release --buildtype=release -Db_sanitize=none -Dtests=false >/dev/null

build: build/release/build.ninja
	@ninja -C build/release $(NINJA_FLAGS)
	@mkdir -p build/bin
	@for program in $(PROGRAMS); do ln -sfn ../release/src/bin/$$program build/bin/$$program; done
	@ln -sfn weft build/bin/istioctl
	@ln -sfn weft-proxy build/bin/pilot-agent

images: build
	@tools/build-images build/images
	@if [ -n "$(HUB)" ]; then tools/push-images build/images "$(HUB)"; fi

dist: build
	@tools/build-dist

build/dev/build.ninja:
	meson setup build/dev >/dev/null

dev: build/dev/build.ninja
	@ninja -C build/dev $(NINJA_FLAGS)

check:
	@tools/check

test: deps-test dev build images
	@tools/run-tests

verify:
	@tools/verify

bench: build
	@tools/install-deps bench
	@bench/run
	@bench/sandbox

soak: build
	@bench/soak

fuzz:
	@tools/fuzz

clean:
	rm -rf build weft-[0-9]*
