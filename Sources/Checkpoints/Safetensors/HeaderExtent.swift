/// What a JSON text is made of, counted without keeping any of it. Of what is no JSON the counts mean
/// nothing; the parser refuses it.
struct HeaderExtent {
  /// Members of the outermost object.
  private(set) var members = 0
  /// Values at any depth.
  private(set) var values = 1

  init(_ text: Slice<UnsafeRawBufferPointer>) {
    var depth = 0
    var isInString = false
    var isEscaped = false
    for byte in UnsafeRawBufferPointer(rebasing: text) {
      if isInString {
        if isEscaped {
          isEscaped = false
        } else if byte == UInt8(ascii: "\\") {
          isEscaped = true
        } else if byte == UInt8(ascii: "\"") {
          isInString = false
        }
        continue
      }
      switch byte {
      case UInt8(ascii: "\""): isInString = true
      case UInt8(ascii: "{"), UInt8(ascii: "["):
        depth += 1
        values += 1
      case UInt8(ascii: "}"), UInt8(ascii: "]"): depth -= 1
      case UInt8(ascii: ","): values += 1
      case UInt8(ascii: ":"): if depth == 1 { members += 1 }
      default: break
      }
    }
  }
}
