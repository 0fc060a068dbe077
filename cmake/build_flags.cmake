# Warnings and sanitizers, attached per target: nothing here leaks into a project that embeds us.
add_library(tidelock_build_flags INTERFACE)
target_compile_options(tidelock_build_flags INTERFACE -Wall -Wextra -Wpedantic -Wshadow
                       -Wnon-virtual-dtor -Woverloaded-virtual -Wimplicit-fallthrough)
if(TIDELOCK_WARNINGS_AS_ERRORS)
  target_compile_options(tidelock_build_flags INTERFACE -Werror)
endif()
# xxHash insists on being inlined, which -Og refuses.
target_compile_definitions(tidelock_build_flags INTERFACE $<$<CONFIG:Debug>:XXH_NO_INLINE_HINTS=1>)
if(TIDELOCK_SANITIZE)
  target_compile_options(tidelock_build_flags INTERFACE -fsanitize=${TIDELOCK_SANITIZE}
                         -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(tidelock_build_flags INTERFACE -fsanitize=${TIDELOCK_SANITIZE})
  # GCC takes what it instruments itself for uses of uninitialised memory.
  target_compile_options(tidelock_build_flags INTERFACE
                         $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>)
  if(TIDELOCK_SANITIZE MATCHES "undefined")
    # This check asks the kernel whether memory is readable through a pipe of its own: where a test
    # takes the descriptors away it reports objects that are sound.
    target_compile_options(tidelock_build_flags INTERFACE -fno-sanitize=vptr)
  endif()
  if(TIDELOCK_SANITIZE MATCHES "thread")
    # GCC warns that ThreadSanitizer does not model fences; no ordering of ours rests on one alone.
    target_compile_options(tidelock_build_flags INTERFACE -Wno-tsan)
  endif()
endif()
if(TIDELOCK_COVERAGE)
  target_compile_options(tidelock_build_flags INTERFACE --coverage -fprofile-update=atomic)
  target_link_options(tidelock_build_flags INTERFACE --coverage)
endif()
