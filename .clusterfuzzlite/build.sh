#!/bin/bash -eu
# SPDX-License-Identifier: GPL-2.0 OR MIT
# ClusterFuzzLite builds what OSS-Fuzz builds.
exec "$SRC/mmodel/fuzz/targets/oss-fuzz/build.sh"
