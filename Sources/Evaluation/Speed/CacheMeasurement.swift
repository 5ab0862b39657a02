import Results
import Transformers

/// Bytes that decoding remembers, without reading anything.
public enum CacheMeasurement {
  /// - Returns: nil for models that decode nothing, and where no length is within both.
  public static func run(teacher: Decoder, student: Decoder) -> CacheResult? {
    if teacher.configuration.isEncoder { return nil }
    let limit = SpeedMeasurement.limit([teacher, student])?.tokens ?? .max
    let points = CacheResult.lengths.filter { $0 <= limit }.map {
      CacheResult.Point(
        length: $0, teacherBytes: teacher.memoryBytes(after: $0),
        studentBytes: student.memoryBytes(after: $0))
    }
    return points.isEmpty ? nil : CacheResult(points: points)
  }
}

extension Decoder {
  fileprivate func memoryBytes(after tokens: Int) -> Int {
    layers.reduce(0) { $0 + $1.mixer.memoryBytes(after: tokens) }
  }
}
