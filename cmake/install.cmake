# What `cmake --install` puts where: headers, library, CMake and pkg-config
# files. The programs and their man pages are installed from their folders.
include(CMakePackageConfigHelpers)
set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/tidelock)

install(TARGETS tidelock EXPORT tidelock_targets)
install(DIRECTORY libdb/include/tidelock DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(EXPORT tidelock_targets NAMESPACE tidelock:: DESTINATION ${package_dir})

configure_package_config_file(cmake/tidelock-config.cmake.in tidelock-config.cmake
                              INSTALL_DESTINATION ${package_dir})
# As long as the major version is 0, a minor one may change the interface.
write_basic_package_version_file(tidelock-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/tidelock-config.cmake
              ${CMAKE_CURRENT_BINARY_DIR}/tidelock-config-version.cmake
        DESTINATION ${package_dir})

configure_file(cmake/tidelock.pc.in tidelock.pc @ONLY)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/tidelock.pc
        DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
