internal import Glibc

/// A point in time that no change of the date moves.
package struct Clock {
    private let time: timespec

    package static var now: Clock {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Clock(time: time)
    }

    package func seconds(since other: Clock) -> Double {
        Double(time.tv_sec - other.time.tv_sec) + Double(time.tv_nsec - other.time.tv_nsec) / 1e9
    }
}
