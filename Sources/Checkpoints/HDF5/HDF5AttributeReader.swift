import CHDF5

/// Reads one attribute of whatever type other programs chose.
struct HDF5AttributeReader {
  let file: HDF5File
  let place: String
  let location: hid_t
  let name: String

  func value() throws -> HDF5Attribute {
    let attribute = HDF5Handle(
      try file.check(H5Aopen(location, name, 0), place, "open it"), closing: H5Aclose)
    let type = HDF5Handle(
      try file.check(H5Aget_type(attribute.identifier), place, "read its type"), closing: H5Tclose)
    let space = HDF5Handle(
      try file.check(H5Aget_space(attribute.identifier), place, "read its shape"),
      closing: H5Sclose)
    let kind = H5Sget_simple_extent_type(space.identifier)
    let count = kind == H5S_NULL ? 0 : Int(H5Sget_simple_extent_npoints(space.identifier))
    guard count >= 0, count <= 1 << 16, kind != H5S_NO_CLASS else {
      throw file.error(place, "read it", "found \(count) values; expected at most 65536")
    }
    let isScalar = kind == H5S_SCALAR
    switch H5Tget_class(type.identifier) {
    case H5T_STRING where isScalar: return .string(try string(attribute, type))
    case H5T_INTEGER:
      var values = [Int64](repeating: 0, count: count)
      if count > 0 {
        try file.check(
          H5Aread(attribute.identifier, lh5_native_int64(), &values), place, "read it")
      }
      return isScalar ? .integer(Int(values[0])) : .integers(values.map(Int.init))
    case H5T_FLOAT where isScalar:
      var value = 0.0
      try file.check(H5Aread(attribute.identifier, lh5_native_float64(), &value), place, "read it")
      return .number(value)
    default:
      throw file.error(
        place, "read it", "found another type; expected a string, integers or a number")
    }
  }

  private func string(_ attribute: HDF5Handle, _ type: HDF5Handle) throws -> String {
    let bytes: [UInt8]
    if try file.check(H5Tis_variable_str(type.identifier), place, "read its type") > 0 {
      var text: UnsafeMutablePointer<CChar>?
      try file.check(H5Aread(attribute.identifier, type.identifier, &text), place, "read it")
      guard let text else { return "" }
      defer { H5free_memory(text) }
      bytes = UnsafeBufferPointer(start: text, count: strnlen(text)).map { UInt8(bitPattern: $0) }
    } else {
      let size = H5Tget_size(type.identifier)
      guard size <= 1 << 16 else { throw file.error(place, "read it", "\(size) bytes of text") }
      var fixed = [UInt8](repeating: 0, count: size)
      try file.check(H5Aread(attribute.identifier, type.identifier, &fixed), place, "read it")
      while fixed.last == 0 { fixed.removeLast() }
      bytes = fixed
    }
    guard let text = String(validatingUTF8Bytes: bytes) else {
      throw file.error(place, "read it", "found bytes that are not UTF-8")
    }
    return text
  }

  private func strnlen(_ text: UnsafeMutablePointer<CChar>) -> Int {
    var length = 0
    while text[length] != 0 { length += 1 }
    return length
  }
}

extension String {
  /// `nil` when the bytes are not UTF-8.
  init?(validatingUTF8Bytes bytes: some Sequence<UInt8>) {
    self.init(validating: Array(bytes), as: UTF8.self)
  }
}
