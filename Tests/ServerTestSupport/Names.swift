package import ServerStore

// RunModel has a RunID and a Timestamp too, and the macros of Testing do not take names with a module before them.
package typealias StoreRunID = ServerStore.RunID
package typealias StoreTime = ServerStore.Timestamp
