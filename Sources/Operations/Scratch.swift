import Foundation
import TensorCore

@inline(__always)
func clear(_ line: UnsafeMutablePointer<Float>, _ range: Range<Int>) {
  if !range.isEmpty { (line + range.lowerBound).update(repeating: 0, count: range.count) }
}

func zeroPadding(_ layout: SequenceLayout, _ x: UnsafeMutablePointer<Float>, width: Int) {
  for rows in layout.padding {
    (x + rows.lowerBound * width).update(repeating: 0, count: rows.count * width)
  }
}

@inline(__always)
func logarithm(_ x: Float) -> Float { logf(x) }

@inline(__always)
func exponential(_ x: Float) -> Float { expf(x) }
