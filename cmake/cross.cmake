# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
# Toolchain for the core and its tests on another machine under qemu-user: set WPP_TARGET to
# s390x, aarch64 or i686.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR ${WPP_TARGET})
set(CMAKE_C_COMPILER ${WPP_TARGET}-linux-gnu-gcc)
list(APPEND CMAKE_TRY_COMPILE_PLATFORM_VARIABLES WPP_TARGET)

set(WPP_QEMU qemu-${WPP_TARGET})
if(WPP_TARGET STREQUAL "i686")
  set(WPP_QEMU qemu-i386)
endif()
set(CMAKE_CROSSCOMPILING_EMULATOR ${WPP_QEMU};-L;/usr/${WPP_TARGET}-linux-gnu)
