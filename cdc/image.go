package cdc

// Format chooses how values with two good JSON forms are written.
type Format struct {
	BigintString  bool // BIGINT as "123" rather than 123
	DecimalNumber bool // DECIMAL as 10.50 rather than "10.50"
}

// Image is one row image, before or after: a view of the event's bytes, decoded
// column by column on demand.
type Image struct {
	table *Table
}
