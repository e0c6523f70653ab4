# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
# One interface target carries the warnings and sanitizers of the whole tree.
add_library(wpp_warnings INTERFACE)
target_compile_options(wpp_warnings INTERFACE
  $<$<COMPILE_LANGUAGE:C>:-Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes
  -Wpointer-arith -Wwrite-strings -Wvla -Wundef>)
if(WPP_WERROR)
  target_compile_options(wpp_warnings INTERFACE $<$<COMPILE_LANGUAGE:C>:-Werror>)
endif()
if(WPP_SANITIZE)
  target_compile_options(wpp_warnings INTERFACE -fsanitize=${WPP_SANITIZE} -fno-sanitize-recover=all
                         -fno-omit-frame-pointer)
  target_link_options(wpp_warnings INTERFACE -fsanitize=${WPP_SANITIZE})
endif()
if(WPP_FUZZ)
  target_compile_options(wpp_warnings INTERFACE -fsanitize=fuzzer-no-link)
endif()
