# cmake --install puts the four programs into bin; cpack in a build directory makes the .deb. What it depends on is read
# from the binaries (dpkg-shlibdeps), so it installs on the release of Debian it was built on and says so elsewhere.
install(FILES README.md CHANGELOG.md LICENSE DESTINATION share/doc/router-maestro)

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME router-maestro)
set(CPACK_PACKAGE_VENDOR "router-maestro")
set(CPACK_PACKAGE_CONTACT "The router-maestro developers <router-maestro@localhost>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "${PROJECT_DESCRIPTION}")
set(CPACK_PACKAGE_DESCRIPTION
  "router-maestro is a gateway for language models that you run yourself. Clients of the OpenAI API talk to one address;
 three small processes behind it (gateway, auth, registry) hold the keys, know the models and pass the streams on.")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_PACKAGE_CHECKSUM SHA256)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION net)
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
# Read by OpenSSL, which has no certificate authorities of its own.
set(CPACK_DEBIAN_PACKAGE_DEPENDS "ca-certificates")
set(CPACK_DEBIAN_COMPRESSION_TYPE xz)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
include(CPack)
