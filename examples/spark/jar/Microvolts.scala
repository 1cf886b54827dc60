package leads

import org.apache.spark.sql.api.java.UDF1

/** A value in mV as a whole number of µV: a function of the jar's, for PySpark to call. */
class Microvolts extends UDF1[java.lang.Double, java.lang.Long] {
  override def call(millivolts: java.lang.Double): java.lang.Long =
    if (millivolts == null) null else Math.round(millivolts * 1000)
}
