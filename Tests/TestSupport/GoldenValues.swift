import Documents

/// A golden that is not of the form that its test reads.
public struct MalformedGolden: Error {
  /// What stood in its place.
  public let found: JSONValue
}

// Members of a golden, which must be there and of their kind.
extension JSONValue {
  /// An array's.
  public func elements() throws -> [JSONValue] {
    guard let arrayValue else { throw MalformedGolden(found: self) }
    return arrayValue
  }

  /// A string's.
  public func text() throws -> String {
    guard let stringValue else { throw MalformedGolden(found: self) }
    return stringValue
  }

  /// A number's.
  public func double() throws -> Double {
    guard let doubleValue else { throw MalformedGolden(found: self) }
    return doubleValue
  }

  /// An object's.
  public func member(_ key: String) throws -> JSONValue {
    guard let member = self[key] else { throw MalformedGolden(found: self) }
    return member
  }

  /// An array's of token ids.
  public func ids() throws -> [Int32] {
    try elements().map { element in
      guard let id = element.intValue.flatMap(Int32.init(exactly:)) else {
        throw MalformedGolden(found: element)
      }
      return id
    }
  }
}
