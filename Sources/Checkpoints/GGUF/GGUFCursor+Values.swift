import Documents

/// The types of metadata values, by their number in the file.
enum GGUFValueType: UInt32 {
  case uint8, int8, uint16, int16, uint32, int32, float32, bool, string, array, uint64, int64
  case float64

  /// Bytes that a value takes at the least.
  var minimumBytes: Int {
    switch self {
    case .uint8, .int8, .bool: 1
    case .uint16, .int16: 2
    case .uint32, .int32, .float32: 4
    case .uint64, .int64, .float64, .string: 8
    case .array: 12
    }
  }
}

/// What the metadata of a file may hold: a value takes some 20 times the memory of a byte in the file,
/// and a length may be true of a file that is nothing but a hole.
struct GGUFBudget {
  var elements = GGUFFile.maximumArrayElements
  var textBytes = GGUFFile.maximumTextBytes
}

extension GGUFCursor {
  mutating func valueType(_ field: String) throws(CheckpointError) -> GGUFValueType {
    let start = position
    let number: UInt32 = try integer("type of \(field)")
    guard let type = GGUFValueType(rawValue: number) else {
      throw failure(
        "type of \(field)", at: start, found: "\(number)", expected: "a type from 0 to 12")
    }
    return type
  }

  /// - Parameter budget: what the file's metadata may still hold.
  mutating func value(
    _ type: GGUFValueType, _ field: String, _ budget: inout GGUFBudget
  ) throws(CheckpointError) -> JSONValue {
    switch type {
    case .uint8: return .integer(Int(try integer(field, as: UInt8.self)))
    case .int8: return .integer(Int(try integer(field, as: Int8.self)))
    case .uint16: return .integer(Int(try integer(field, as: UInt16.self)))
    case .int16: return .integer(Int(try integer(field, as: Int16.self)))
    case .uint32: return .integer(Int(try integer(field, as: UInt32.self)))
    case .int32: return .integer(Int(try integer(field, as: Int32.self)))
    case .int64: return .integer(Int(try integer(field, as: Int64.self)))
    case .uint64:
      let number = try integer(field, as: UInt64.self)
      return Int(exactly: number).map(JSONValue.integer) ?? .number(Double(number))
    case .float32:
      let number = Float(bitPattern: try integer(field, as: UInt32.self))
      // 1e-05 shall read 1e-05, not 9.999999747378752e-06: the shortest spelling that is this
      // float and no other.
      return .number(Double(number.description) ?? Double(number))
    case .float64: return .number(Double(bitPattern: try integer(field, as: UInt64.self)))
    case .bool: return .bool(try boolean(field))
    case .string:
      let start = position
      let text = try string(field, atMost: budget.textBytes)
      budget.textBytes = max(0, budget.textBytes - (position - start))
      return .string(text)
    case .array: return .array(try array(field, &budget))
    }
  }

  private mutating func boolean(_ field: String) throws(CheckpointError) -> Bool {
    let start = position
    let byte: UInt8 = try integer(field)
    guard byte <= 1 else {
      throw failure(field, at: start, found: "the boolean \(byte)", expected: "0 or 1")
    }
    return byte == 1
  }

  private mutating func array(
    _ field: String, _ budget: inout GGUFBudget
  ) throws(CheckpointError) -> [JSONValue] {
    let start = position
    let type = try valueType("elements of \(field)")
    guard type != .array else {
      throw failure(
        "elements of \(field)", at: start, found: "arrays in an array", expected: "plain values")
    }
    let count = try count(
      "elements of \(field)", of: type.minimumBytes, atMost: budget.elements)
    budget.elements -= count
    var elements: [JSONValue] = []
    elements.reserveCapacity(count)
    for index in 0..<count {
      elements.append(try value(type, "\(field)[\(index)]", &budget))
    }
    return elements
  }
}
