-- Where the schema registry keeps its schemas; it makes its tables itself.
CREATE DATABASE registry;
