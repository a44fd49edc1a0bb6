# Sourced by the build steps that download packages. Indexes, proxies and certificates of the machine that builds
# arrive as build secrets, so none of them is kept in a layer, in the history or in a label of an image.
set -eu
if [ -f /run/secrets/packages ]; then
  set -a
  . /run/secrets/packages
  set +a
fi
if [ -f /run/secrets/certificates ]; then
  export SSL_CERT_FILE=/run/secrets/certificates PIP_CERT=/run/secrets/certificates
fi
export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore UV_HTTP_TIMEOUT=180 UV_LINK_MODE=copy UV_PYTHON_DOWNLOADS=never
