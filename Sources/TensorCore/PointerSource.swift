/// Something that `withPointers` gives out a pointer of.
public protocol PointerSource {
  /// Pointer to the elements, optional for what may be absent.
  associatedtype Pointer
  /// Valid while this value is alive, so inside of `withPointers`.
  var unsafePointer: Pointer { get }
}

// One function a number of sources: plain generics are specialised wherever they are called.

/// Calls `body` with a pointer to each source: to read a tensor, to write one that is given as
/// `writing(&tensor)`, or nil for a tensor that is nil.
///
///     withPointers(x, bias, writing(&output)) { x, bias, output in … }
@inlinable
public func withPointers<A: PointerSource, Result>(
  _ a: A,
  body: (A.Pointer) throws -> Result
) rethrows -> Result {
  defer { withExtendedLifetime(a) {} }
  return try body(a.unsafePointer)
}

/// Calls `body` with a pointer to each of two sources.
@inlinable
public func withPointers<A: PointerSource, B: PointerSource, Result>(
  _ a: A, _ b: B,
  body: (A.Pointer, B.Pointer) throws -> Result
) rethrows -> Result {
  defer { withExtendedLifetime((a, b)) {} }
  return try body(a.unsafePointer, b.unsafePointer)
}

/// Calls `body` with a pointer to each of three sources.
@inlinable
public func withPointers<A: PointerSource, B: PointerSource, C: PointerSource, Result>(
  _ a: A, _ b: B, _ c: C,
  body: (A.Pointer, B.Pointer, C.Pointer) throws -> Result
) rethrows -> Result {
  defer { withExtendedLifetime((a, b, c)) {} }
  return try body(a.unsafePointer, b.unsafePointer, c.unsafePointer)
}

/// Calls `body` with a pointer to each of four sources.
@inlinable
public func withPointers<
  A: PointerSource, B: PointerSource, C: PointerSource, D: PointerSource, Result
>(
  _ a: A, _ b: B, _ c: C, _ d: D,
  body: (A.Pointer, B.Pointer, C.Pointer, D.Pointer) throws -> Result
) rethrows -> Result {
  defer { withExtendedLifetime((a, b, c, d)) {} }
  return try body(a.unsafePointer, b.unsafePointer, c.unsafePointer, d.unsafePointer)
}

/// Calls `body` with a pointer to each of five sources.
@inlinable
public func withPointers<
  A: PointerSource, B: PointerSource, C: PointerSource, D: PointerSource, E: PointerSource, Result
>(
  _ a: A, _ b: B, _ c: C, _ d: D, _ e: E,
  body: (A.Pointer, B.Pointer, C.Pointer, D.Pointer, E.Pointer) throws -> Result
) rethrows -> Result {
  defer { withExtendedLifetime((a, b, c, d, e)) {} }
  return try body(
    a.unsafePointer, b.unsafePointer, c.unsafePointer, d.unsafePointer, e.unsafePointer)
}

/// Calls `body` with a pointer to each of six sources.
@inlinable
public func withPointers<
  A: PointerSource, B: PointerSource, C: PointerSource, D: PointerSource, E: PointerSource,
  F: PointerSource, Result
>(
  _ a: A, _ b: B, _ c: C, _ d: D, _ e: E, _ f: F,
  body: (A.Pointer, B.Pointer, C.Pointer, D.Pointer, E.Pointer, F.Pointer) throws -> Result
) rethrows -> Result {
  defer { withExtendedLifetime((a, b, c, d, e, f)) {} }
  return try body(
    a.unsafePointer, b.unsafePointer, c.unsafePointer, d.unsafePointer, e.unsafePointer,
    f.unsafePointer)
}

/// Calls `body` with a pointer to each of seven sources.
@inlinable
public func withPointers<
  A: PointerSource, B: PointerSource, C: PointerSource, D: PointerSource, E: PointerSource,
  F: PointerSource, G: PointerSource, Result
>(
  _ a: A, _ b: B, _ c: C, _ d: D, _ e: E, _ f: F, _ g: G,
  body: (A.Pointer, B.Pointer, C.Pointer, D.Pointer, E.Pointer, F.Pointer, G.Pointer) throws ->
    Result
) rethrows -> Result {
  defer { withExtendedLifetime((a, b, c, d, e, f, g)) {} }
  return try body(
    a.unsafePointer, b.unsafePointer, c.unsafePointer, d.unsafePointer, e.unsafePointer,
    f.unsafePointer, g.unsafePointer)
}

/// Calls `body` with a pointer to each of eight sources.
@inlinable
public func withPointers<
  A: PointerSource, B: PointerSource, C: PointerSource, D: PointerSource, E: PointerSource,
  F: PointerSource, G: PointerSource, H: PointerSource, Result
>(
  _ a: A, _ b: B, _ c: C, _ d: D, _ e: E, _ f: F, _ g: G, _ h: H,
  body: (A.Pointer, B.Pointer, C.Pointer, D.Pointer, E.Pointer, F.Pointer, G.Pointer, H.Pointer)
    throws -> Result
) rethrows -> Result {
  defer { withExtendedLifetime((a, b, c, d, e, f, g, h)) {} }
  return try body(
    a.unsafePointer, b.unsafePointer, c.unsafePointer, d.unsafePointer, e.unsafePointer,
    f.unsafePointer, g.unsafePointer, h.unsafePointer)
}

/// Calls `body` with a pointer to each of nine sources.
@inlinable
public func withPointers<
  A: PointerSource, B: PointerSource, C: PointerSource, D: PointerSource, E: PointerSource,
  F: PointerSource, G: PointerSource, H: PointerSource, I: PointerSource, Result
>(
  _ a: A, _ b: B, _ c: C, _ d: D, _ e: E, _ f: F, _ g: G, _ h: H, _ i: I,
  body: (
    A.Pointer, B.Pointer, C.Pointer, D.Pointer, E.Pointer, F.Pointer, G.Pointer, H.Pointer,
    I.Pointer
  ) throws -> Result
) rethrows -> Result {
  defer { withExtendedLifetime((a, b, c, d, e, f, g, h, i)) {} }
  return try body(
    a.unsafePointer, b.unsafePointer, c.unsafePointer, d.unsafePointer, e.unsafePointer,
    f.unsafePointer, g.unsafePointer, h.unsafePointer, i.unsafePointer)
}
