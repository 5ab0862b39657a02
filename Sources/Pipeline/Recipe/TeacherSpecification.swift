import Documents

/// The softmax transformer that is converted.
public struct TeacherSpecification: Sendable, Equatable {
  /// A folder with config.json, a .gguf, a .h5 or a .safetensors beside its config.json; relative
  /// to the current directory.
  public var path: String
  /// SHA-256 that the weight files must have, in lower-case hexadecimal.
  public var sha256: String?

  public init(_ reader: DocumentReader) {
    path = reader.string(
      "path",
      "A folder with config.json, a .gguf, .h5 or .safetensors file; relative to the current "
        + "directory.")
    sha256 = reader.optionalString(
      "sha256", "SHA-256 of the weight files; the run refuses other weights. null takes any."
    )?.lowercased()
    if path.isEmpty, reader.has("path") { reader.report("path", "is empty; expected a path") }
    if let sha256, sha256.count != 64 || !sha256.allSatisfy(\.isHexDigit) {
      reader.report("sha256", "found \(sha256.count) characters, expected 64 hexadecimal digits")
    }
  }
}
