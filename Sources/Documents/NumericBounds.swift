/// What a field lets an integer be: in its schema, in its messages and in its decoding.
struct IntegerBounds {
  let range: ClosedRange<Int>

  init(_ range: ClosedRange<Int>) { self.range = range }

  var schema: JSONObject {
    var schema: JSONObject = ["type": "integer"]
    if range.lowerBound > Int.min { schema["minimum"] = .integer(range.lowerBound) }
    if range.upperBound < Int.max { schema["maximum"] = .integer(range.upperBound) }
    return schema
  }

  var expectation: String {
    switch (range.lowerBound > Int.min, range.upperBound < Int.max) {
    case (false, false): "an integer"
    case (false, true): "an integer of at most \(range.upperBound)"
    case (true, false): "an integer of at least \(range.lowerBound)"
    case (true, true): "an integer from \(range.lowerBound) to \(range.upperBound)"
    }
  }

  func decode(_ value: JSONValue) -> Int? {
    value.intValue.flatMap { range.contains($0) ? $0 : nil }
  }
}

/// What a field lets a number be; the tighter of a closed and an open bound holds.
struct NumberBounds {
  let closed: ClosedRange<Double>
  let above: Double?
  let below: Double?

  var schema: JSONObject {
    var schema: JSONObject = ["type": "number"]
    if closed.lowerBound.isFinite { schema["minimum"] = .number(closed.lowerBound) }
    if let above { schema["exclusiveMinimum"] = .number(above) }
    if closed.upperBound.isFinite { schema["maximum"] = .number(closed.upperBound) }
    if let below { schema["exclusiveMaximum"] = .number(below) }
    return schema
  }

  var expectation: String {
    var bounds: [String] = []
    if let above {
      bounds.append("above \(above)")
    } else if closed.lowerBound.isFinite, closed.upperBound.isFinite, below == nil {
      return "a number from \(closed.lowerBound) to \(closed.upperBound)"
    } else if closed.lowerBound.isFinite {
      bounds.append("of at least \(closed.lowerBound)")
    }
    if let below {
      bounds.append("below \(below)")
    } else if closed.upperBound.isFinite {
      bounds.append("of at most \(closed.upperBound)")
    }
    return (["a number"] + [bounds.joined(separator: " and ")]).filter { !$0.isEmpty }
      .joined(separator: " ")
  }

  func decode(_ value: JSONValue) -> Double? {
    value.doubleValue.flatMap { number in
      closed.contains(number) && number > above ?? -.infinity && number < below ?? .infinity
        ? number : nil
    }
  }
}
