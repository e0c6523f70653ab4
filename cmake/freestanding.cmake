# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
# Toolchain for the core alone, without a libc: set WPP_TARGET to x86_64 or i686.
set(CMAKE_SYSTEM_NAME Generic)
set(CMAKE_SYSTEM_PROCESSOR ${WPP_TARGET})
set(CMAKE_C_COMPILER ${WPP_TARGET}-linux-gnu-gcc)
set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY)
list(APPEND CMAKE_TRY_COMPILE_PLATFORM_VARIABLES WPP_TARGET)

execute_process(COMMAND ${CMAKE_C_COMPILER} -print-file-name=include
                OUTPUT_VARIABLE WPP_COMPILER_INCLUDE OUTPUT_STRIP_TRAILING_WHITESPACE)
set(CMAKE_C_FLAGS_INIT "-ffreestanding -nostdinc -isystem ${WPP_COMPILER_INCLUDE} \
-mgeneral-regs-only -fno-stack-protector -Wframe-larger-than=1024")
