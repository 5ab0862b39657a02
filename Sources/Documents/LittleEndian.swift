extension FixedWidthInteger {
  /// The bytes of the number, lowest first, as binary files hold it.
  public var littleEndianBytes: [UInt8] { withUnsafeBytes(of: littleEndian) { Array($0) } }
}
