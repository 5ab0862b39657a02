import CHDF5

/// The value of an attribute.
public enum HDF5Attribute: Sendable, Equatable {
  case string(String)
  case integer(Int)
  case number(Double)
  case integers([Int])
}

extension HDF5Attribute: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral,
  ExpressibleByFloatLiteral, ExpressibleByArrayLiteral
{
  public init(stringLiteral value: String) { self = .string(value) }
  public init(integerLiteral value: Int) { self = .integer(value) }
  public init(floatLiteral value: Double) { self = .number(value) }
  public init(arrayLiteral elements: Int...) { self = .integers(elements) }
}

/// Named values of a file, a group or a dataset.
public struct HDF5Attributes: Sendable {
  let file: HDF5File
  /// `nil` for the file itself.
  let object: String?
  private let handle: HDF5Handle?
  /// Closes the handle when it goes, so it must not go before.
  private let owner: HDF5Dataset?

  /// Beyond this a value does not fit the object's header; write a dataset instead.
  static let maximumBytes = 60_000

  init(file: HDF5File, object: String?, handle: HDF5Handle?, owner: HDF5Dataset? = nil) {
    self.file = file
    self.object = object
    self.handle = handle
    self.owner = owner
  }

  private var location: hid_t {
    guard let handle else { return file.identifier }
    precondition(handle.identifier >= 0, "\(file.path) is closed")
    return handle.identifier
  }

  private func place(_ name: String) -> String { "\(object ?? "")@\(name)" }

  /// In alphabetical order.
  public var names: [String] {
    get throws {
      try HDF5Library.locked {
        var names: [String] = []
        var position: hsize_t = 0
        let status = withUnsafeMutablePointer(to: &names) {
          H5Aiterate2(location, H5_INDEX_NAME, H5_ITER_INC, &position, appendName, $0)
        }
        try file.check(status, object, "list its attributes")
        return names.sorted()
      }
    }
  }

  /// Adds an attribute; a name is given a value once.
  public func set(_ name: String, to value: HDF5Attribute) throws {
    switch value {
    case .string(let text):
      // Of fixed length: strings of variable length live in a heap without checksums.
      let bytes = Array(text.utf8)
      try HDF5Library.locked {
        let type = HDF5Handle(H5Tcopy(lh5_c_string()), closing: H5Tclose)
        try file.check(
          H5Tset_size(type.identifier, max(1, bytes.count)), place(name), "set its type")
        try file.check(H5Tset_cset(type.identifier, H5T_CSET_UTF8), place(name), "set its type")
        try file.check(
          H5Tset_strpad(type.identifier, H5T_STR_NULLPAD), place(name), "set its type")
        try write(bytes.isEmpty ? [0] : bytes, name, type: type.identifier, dimensions: nil)
      }
    case .integer(let value):
      try write([Int64(value)], name, type: lh5_int64(), dimensions: nil)
    case .number(let value):
      try write([value], name, type: lh5_float64(), dimensions: nil)
    case .integers(let values):
      try write(values.map(Int64.init), name, type: lh5_int64(), dimensions: [values.count])
    }
  }

  private func write<Element: BitwiseCopyable>(
    _ elements: [Element], _ name: String, type: @autoclosure () -> hid_t, dimensions: [Int]?
  ) throws {
    try HDF5Library.locked {
      let bytes = elements.count * MemoryLayout<Element>.stride
      guard bytes <= Self.maximumBytes else {
        throw file.error(
          place(name), "write it",
          "\(bytes) bytes are more than the \(Self.maximumBytes) of an attribute; write a dataset")
      }
      let space = HDF5Handle(
        try file.check(dataspace(dimensions), place(name), "set its shape"), closing: H5Sclose)
      let attribute = HDF5Handle(
        try file.check(
          H5Acreate2(location, name, type(), space.identifier, 0, 0), place(name), "create it"),
        closing: H5Aclose)
      if !elements.isEmpty {
        try file.check(H5Awrite(attribute.identifier, type(), elements), place(name), "write it")
      }
      try file.check(attribute.release() ? 0 : Int32(-1), place(name), "close it")
    }
  }

  /// `nil` when there is none of that name.
  public func value(_ name: String) throws -> HDF5Attribute? {
    try HDF5Library.locked {
      guard try file.check(H5Aexists(location, name), place(name), "look it up") > 0 else {
        return nil
      }
      return try HDF5AttributeReader(file: file, place: place(name), location: location, name: name)
        .value()
    }
  }

  /// The text of an attribute.
  ///
  /// - Throws: `HDF5Error` (65) when there is no such attribute, or one of another kind.
  public func string(_ name: String) throws -> String {
    guard case .string(let value) = try expected(name, "a string") else {
      throw wrongKind(name, "a string")
    }
    return value
  }

  /// The integer of an attribute.
  ///
  /// - Throws: `HDF5Error` (65) when there is no such attribute, or one of another kind.
  public func integer(_ name: String) throws -> Int {
    guard case .integer(let value) = try expected(name, "an integer") else {
      throw wrongKind(name, "an integer")
    }
    return value
  }

  /// The number of an attribute, integers included.
  ///
  /// - Throws: `HDF5Error` (65) when there is no such attribute, or one of another kind.
  public func number(_ name: String) throws -> Double {
    switch try expected(name, "a number") {
    case .number(let value): return value
    case .integer(let value): return Double(value)
    default: throw wrongKind(name, "a number")
    }
  }

  /// The integers of an attribute that holds several.
  ///
  /// - Throws: `HDF5Error` (65) when there is no such attribute, or one of another kind.
  public func integers(_ name: String) throws -> [Int] {
    guard case .integers(let value) = try expected(name, "integers") else {
      throw wrongKind(name, "integers")
    }
    return value
  }

  private func expected(_ name: String, _ kind: String) throws -> HDF5Attribute {
    guard let value = try value(name) else {
      throw file.error(place(name), "read it", "there is no such attribute; expected \(kind)")
    }
    return value
  }

  private func wrongKind(_ name: String, _ kind: String) -> HDF5Error {
    file.error(place(name), "read it", "found another kind of value; expected \(kind)")
  }
}

/// An identifier of a simple dataspace; `nil` dimensions are a scalar.
func dataspace(_ dimensions: [Int]?) -> hid_t {
  guard let dimensions else { return H5Screate(H5S_SCALAR) }
  return H5Screate_simple(Int32(dimensions.count), dimensions.map { hsize_t($0) }, nil)
}

extension HDF5File {
  /// Of the file as a whole.
  public var attributes: HDF5Attributes { HDF5Attributes(file: self, object: nil, handle: nil) }

  /// Of a group or a dataset.
  public func attributes(of name: String) throws -> HDF5Attributes {
    try HDF5Library.locked {
      guard try has(name) else { throw error(name, "open it", "there is nothing of that name") }
      let handle = HDF5Handle(
        try check(H5Oopen(identifier, name, 0), name, "open it"), closing: H5Oclose)
      return HDF5Attributes(file: self, object: name, handle: handle)
    }
  }
}

/// Called by HDF5 with every attribute; `names` is the list to which its name is added.
private func appendName(
  _ object: hid_t, _ name: UnsafePointer<CChar>?, _ information: UnsafePointer<H5A_info_t>?,
  _ names: UnsafeMutableRawPointer?
) -> herr_t {
  if let name {
    names?.assumingMemoryBound(to: [String].self).pointee.append(String(cString: name))
  }
  return 0
}
