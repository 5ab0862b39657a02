import COpenSSL

/// SHA-256 (FIPS 180-4) of bytes that come in portions, computed by OpenSSL.
struct SHA256 {
  private var context = Context()

  /// Goes on with these bytes.
  mutating func update(_ bytes: UnsafeRawBufferPointer) {
    if !isKnownUniquelyReferenced(&context) { context = Context(copying: context) }
    context.update(bytes)
  }

  /// Goes on with these bytes.
  mutating func update(_ bytes: [UInt8]) {
    bytes.withUnsafeBytes { update($0) }
  }

  /// Of all bytes so far, 64 hexadecimal digits, as sha256sum prints them.
  var hexadecimal: String {
    Context(copying: context).finalized().map {
      $0 < 16 ? "0" + String($0, radix: 16) : String($0, radix: 16)
    }.joined()
  }

  /// Owns OpenSSL's state.
  private final class Context {
    private let state = EVP_MD_CTX_new()

    init() {
      check(EVP_DigestInit_ex(state, EVP_sha256(), nil))
    }

    init(copying other: Context) {
      check(EVP_MD_CTX_copy_ex(state, other.state))
    }

    deinit { EVP_MD_CTX_free(state) }

    func update(_ bytes: UnsafeRawBufferPointer) {
      check(EVP_DigestUpdate(state, bytes.baseAddress, bytes.count))
    }

    func finalized() -> [UInt8] {
      [UInt8](unsafeUninitializedCapacity: 32) { digest, count in
        check(EVP_DigestFinal_ex(state, digest.baseAddress, nil))
        count = 32
      }
    }

    /// What can fail is memory, and an OpenSSL that was set up without SHA-256: neither is of the
    /// caller's making, and neither can be gone on from.
    private func check(_ result: Int32) {
      precondition(result == 1, "OpenSSL computes no SHA-256 on this machine")
    }
  }
}
