import TensorCore

// Q4_K: 256 integers of 4 bits in eight parts, each with a scale and a minimum of 6 bits that two
// half-precision numbers multiply.

private let partLength = 32
private let parts = 8

func quantizeQ4K(_ x: UnsafePointer<Float>, _ output: UnsafeMutablePointer<UInt8>) {
  withUnsafeTemporaryAllocation(of: UInt8.self, capacity: partLength * (parts + 1)) { bytes in
    withUnsafeTemporaryAllocation(of: Float.self, capacity: partLength) { weights in
      let levels = bytes.baseAddress!
      quantizeQ4K(
        x, levels: levels, trial: levels + partLength * parts, weights: weights.baseAddress!,
        output)
    }
  }
}

private func quantizeQ4K(
  _ x: UnsafePointer<Float>, levels: UnsafeMutablePointer<UInt8>,
  trial: UnsafeMutablePointer<UInt8>, weights: UnsafeMutablePointer<Float>,
  _ output: UnsafeMutablePointer<UInt8>
) {
  var scales = SIMD8<Float>()
  var minima = SIMD8<Float>()
  var (largestScale, largestMinimum): (Float, Float) = (0, 0)
  for part in 0..<parts {
    let x = x + part * partLength
    var squares: Float = 0
    for index in 0..<partLength { squares += x[index] * x[index] }
    let deviation = (squares / Float(partLength)).squareRoot()
    for index in 0..<partLength { weights[index] = deviation + x[index].magnitude }
    (scales[part], minima[part]) = fitted(
      x, weights: weights, levels: levels + part * partLength, trial: trial)
    largestScale = scales[part] > largestScale ? scales[part] : largestScale
    largestMinimum = minima[part] > largestMinimum ? minima[part] : largestMinimum
  }
  store(float16Bits(largestScale / 63), output)
  store(float16Bits(largestMinimum / 63), output + 2)
  let scaleFactor = largestScale > 0 ? 63 / largestScale : 0
  let minimumFactor = largestMinimum > 0 ? 63 / largestMinimum : 0
  let packed = output + 4
  for part in 0..<parts {
    let scale = UInt8(truncatingIfNeeded: min(63, nearest(scaleFactor * scales[part])))
    let minimum = UInt8(truncatingIfNeeded: min(63, nearest(minimumFactor * minima[part])))
    requantize(
      x + part * partLength, scale: widened(output) * Float(scale),
      minimum: widened(output + 2) * Float(minimum), levels: levels + part * partLength)
    if part < 4 {
      packed[part] = scale
      packed[part + 4] = minimum
    } else {
      packed[part + 4] = scale & 15 | minimum << 4
      packed[part - 4] |= (scale >> 4) << 6
      packed[part] |= (minimum >> 4) << 6
    }
  }
  let codes = packed + 12
  for pair in 0..<parts / 2 {
    let (low, high) = (levels + 64 * pair, levels + 64 * pair + partLength)
    for index in 0..<partLength { codes[32 * pair + index] = low[index] | high[index] << 4 }
  }
}

/// The levels that the rounded scale and minimum give; where the scale is 0 those found before stay.
private func requantize(
  _ x: UnsafePointer<Float>, scale: Float, minimum: Float, levels: UnsafeMutablePointer<UInt8>
) {
  if scale == 0 { return }
  for index in 0..<partLength { levels[index] = level((x[index] + minimum) / scale) }
}

/// The scale and the negated minimum of 32 numbers, found by trying 21 scales around the obvious one
/// and solving for the least weighted square error with the levels that each gives.
private func fitted(
  _ x: UnsafePointer<Float>, weights: UnsafePointer<Float>, levels: UnsafeMutablePointer<UInt8>,
  trial: UnsafeMutablePointer<UInt8>
) -> (scale: Float, minimum: Float) {
  var (low, high) = (x[0], x[0])
  var sumOfWeights = weights[0]
  var sumOfValues = sumOfWeights * x[0]
  for index in 1..<partLength {
    low = x[index] < low ? x[index] : low
    high = x[index] > high ? x[index] : high
    sumOfWeights += weights[index]
    sumOfValues += weights[index] * x[index]
  }
  if low > 0 { low = 0 }
  if high == low {
    levels.update(repeating: 0, count: partLength)
    return (0, -low)
  }
  var factor = 15 / (high - low)
  var scale = 1 / factor
  var minimum = low
  var leastError: Float = 0
  for index in 0..<partLength {
    levels[index] = level(factor * (x[index] - low))
    let difference = scale * Float(levels[index]) + low - x[index]
    leastError += weights[index] * (difference * difference)
  }
  for step in 0...20 {
    // What the last trial found is what the next one starts from.
    factor = (-1 + 0.1 * Float(step) + 15) / (high - minimum)
    var (sum, sumOfSquares, product): (Float, Float, Float) = (0, 0, 0)
    for index in 0..<partLength {
      trial[index] = level(factor * (x[index] - minimum))
      let weighted = weights[index] * Float(trial[index])
      sum += weighted
      sumOfSquares += weighted * Float(trial[index])
      product += weighted * x[index]
    }
    let determinant = sumOfWeights * sumOfSquares - sum * sum
    guard determinant > 0 else { continue }
    var trialScale = (sumOfWeights * product - sumOfValues * sum) / determinant
    var trialMinimum = (sumOfSquares * sumOfValues - sum * product) / determinant
    if trialMinimum > 0 {
      trialMinimum = 0
      trialScale = product / sumOfSquares
    }
    var error: Float = 0
    for index in 0..<partLength {
      let difference = trialScale * Float(trial[index]) + trialMinimum - x[index]
      error += weights[index] * (difference * difference)
    }
    guard error < leastError else { continue }
    levels.update(from: trial, count: partLength)
    (leastError, scale, minimum) = (error, trialScale, trialMinimum)
  }
  return (scale, -minimum)
}

@inline(__always)
private func level(_ value: Float) -> UInt8 {
  UInt8(truncatingIfNeeded: max(0, min(15, nearest(value))))
}

/// The nearest integer, ties to even, of a number below 2²² in magnitude.
@inline(__always)
private func nearest(_ value: Float) -> Int32 {
  let bits = Int32(bitPattern: (value + 12_582_912).bitPattern)
  return (bits & 0x7F_FFFF) - 0x40_0000
}

@inline(__always)
private func widened(_ half: UnsafePointer<UInt8>) -> Float {
  float16Value(UInt16(half[0]) | UInt16(half[1]) << 8)
}
