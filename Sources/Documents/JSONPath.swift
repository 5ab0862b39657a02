/// A place in a document: `stages[0].steps`, also written `stages.0.steps` or, when the elements
/// of an array have names, `stages.attention-transfer.steps`.
public struct JSONPath: Sendable, Equatable, CustomStringConvertible {
  /// Keys, and indices as decimal numbers, from the root inwards.
  public let components: [String]

  /// - Returns: `nil` for a path with an empty component or an unbalanced bracket.
  public init?(_ text: String) {
    var components: [String] = []
    for part in text.split(separator: ".", omittingEmptySubsequences: false) {
      var rest = part
      let name = rest.prefix { $0 != "[" }
      rest = rest.dropFirst(name.count)
      if !name.isEmpty { components.append(String(name)) }
      if name.isEmpty, components.isEmpty || rest.isEmpty { return nil }
      while !rest.isEmpty {
        guard rest.first == "[", let end = rest.firstIndex(of: "]") else { return nil }
        let index = rest[rest.index(after: rest.startIndex)..<end]
        if index.isEmpty { return nil }
        components.append(String(index))
        rest = rest[rest.index(after: end)...]
      }
    }
    if components.contains(where: { $0.contains("]") }) { return nil }
    self.components = components
  }

  public var description: String { components.joined(separator: ".") }
}

extension JSONValue {
  /// Why a place of a document cannot be changed.
  public struct PathError: Error, Equatable, CustomStringConvertible {
    /// The place that was to be changed.
    public let path: JSONPath
    /// What stands in the way there, with the path.
    public let description: String
  }

  /// Sets the value at a path, making the objects on the way that do not exist.
  ///
  /// - Parameter elementNames: the words by which each element of an array can be named, those that
  ///   are tried first at the front; none for elements without a name.
  /// - Throws: `PathError` for an index outside its array and for a way through a plain value.
  public mutating func set(
    _ value: JSONValue, at path: JSONPath,
    elementNames: ([JSONValue]) -> [[String]] = { $0.map { _ in [] } }
  ) throws(PathError) {
    try change(path, depth: 0, elementNames: elementNames, to: value)
  }

  /// Removes the member or element at a path.
  ///
  /// - Throws: `PathError` when nothing is there.
  public mutating func remove(
    at path: JSONPath, elementNames: ([JSONValue]) -> [[String]] = { $0.map { _ in [] } }
  ) throws(PathError) {
    try change(path, depth: 0, elementNames: elementNames, to: nil)
  }

  /// `value` nil removes.
  private mutating func change(
    _ path: JSONPath, depth: Int, elementNames: ([JSONValue]) -> [[String]], to value: JSONValue?
  ) throws(PathError) {
    let component = path.components[depth]
    let isLast = depth + 1 == path.components.count
    switch self {
    case .object(var object):
      guard !(value == nil && object[component] == nil) else {
        let hint = nearest(component, among: object.keys).map { "; did you mean \"\($0)\"?" } ?? ""
        throw PathError(
          path: path, description: "there is no \"\(component)\" to remove at \(path)\(hint)")
      }
      if isLast {
        object[component] = value
      } else {
        var child = object[component] ?? .object(JSONObject())
        if child.isNull { child = .object(JSONObject()) }
        try child.change(path, depth: depth + 1, elementNames: elementNames, to: value)
        object[component] = child
      }
      self = .object(object)
    case .array(var elements):
      let index = try Self.index(of: component, in: elements, path, elementNames: elementNames)
      if !isLast {
        try elements[index].change(path, depth: depth + 1, elementNames: elementNames, to: value)
      } else if let value {
        elements[index] = value
      } else {
        elements.remove(at: index)
      }
      self = .array(elements)
    default:
      let way = path.components[..<depth].joined(separator: ".")
      throw PathError(
        path: path,
        description: "\(way) is \(kindDescription), so \(path) leads nowhere; set \(way) itself")
    }
  }

  private static func index(
    of component: String, in elements: [JSONValue], _ path: JSONPath,
    elementNames: ([JSONValue]) -> [[String]]
  ) throws(PathError) -> Int {
    if let index = Int(component) {
      if elements.indices.contains(index) { return index }
      throw PathError(
        path: path,
        description: "\(path) asks for element \(index) of an array of \(elements.count)"
          + (elements.isEmpty ? "" : "; indices run from 0 to \(elements.count - 1)"))
    }
    let names = elementNames(elements)
    for place in 0..<(names.map(\.count).max() ?? 0) {
      let index = names.firstIndex { $0.indices.contains(place) && $0[place] == component }
      if let index { return index }
    }
    let known = names.flatMap { $0 }
    let hint = nearest(component, among: known).map { "; did you mean \"\($0)\"?" } ?? ""
    throw PathError(
      path: path,
      description: "no element of the array is named \"\(component)\" in \(path)\(hint)")
  }

  /// The paths, with both values, at which two documents differ: `$.seed: 42, now 7`.
  public func differences(from earlier: JSONValue, at path: String = "$") -> [String] {
    switch (earlier, self) {
    case (.object(let before), .object(let after)):
      let keys = before.keys + after.keys.filter { before[$0] == nil }
      return keys.flatMap { key -> [String] in
        switch (before[key], after[key]) {
        case (let old?, let new?): return new.differences(from: old, at: "\(path).\(key)")
        case (let old?, nil): return ["\(path).\(key): \(old.compact), now missing"]
        case (nil, let new?): return ["\(path).\(key): was missing, now \(new.compact)"]
        case (nil, nil): return []
        }
      }
    case (.array(let before), .array(let after)) where before.count == after.count:
      return zip(before, after).enumerated().flatMap { index, pair in
        pair.1.differences(from: pair.0, at: "\(path)[\(index)]")
      }
    default:
      // 1 and 1.0 are one number, differently spelled.
      if let before = earlier.doubleValue, before == doubleValue { return [] }
      return earlier == self ? [] : ["\(path): \(earlier.compact), now \(compact)"]
    }
  }
}
