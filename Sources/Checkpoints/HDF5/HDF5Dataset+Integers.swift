// Rows of whole numbers.
extension HDF5Dataset {
  /// Writes rows of an `int32` dataset, `[count, rowLength]`.
  public func writeRows(start: Int, count: Int, from source: UnsafePointer<Int32>) throws {
    precondition(type == .int32, "\(name) of \(type.rawValue) is not written from integers")
    try write(start: start, count: count, source)
  }

  /// Reads rows of an `int32` dataset, `[count, rowLength]`.
  public func readRows(
    start: Int, count: Int, into output: UnsafeMutablePointer<Int32>
  ) throws {
    guard type == .int32 else {
      throw file.error(name, "read it as 32-bit integers", "found elements of \(type.rawValue)")
    }
    try read(start: start, count: count, into: output)
  }
}
